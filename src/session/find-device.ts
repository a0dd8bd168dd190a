// Finds the best backend that this browser offers, and why it is not WebGPU.
import { findAdapter } from "../gpu/device.ts";
import { UserError } from "../util/errors.ts";
import type { DeviceInfo } from "../models/facts.ts";

/** @throws UserError on a page without a secure context, which has no WebGPU, hashes or locks */
export async function findDevice(): Promise<DeviceInfo> {
  if (!isSecureContext) {
    throw new UserError("unexpected", "This page was opened over plain http.", {
      remedy:
        "Open it over https or as http://localhost: browsers offer WebGPU and safe storage nowhere else.",
    });
  }
  const gpu = navigator.gpu as GPU | undefined;
  const adapter = gpu === undefined ? null : await findAdapter(gpu);
  if (adapter !== null) {
    const { description, vendor, architecture, isFallbackAdapter } = adapter.info;
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
    const isSoftware = isFallbackAdapter;
    return { engine: "webgpu", backend: "webgpu", name, isSoftware, fallbackReason: null };
  }
  const fallbackReason =
    gpu === undefined
      ? "This browser has no WebGPU."
      : "This browser has WebGPU but offers no graphics adapter.";
  const processor = { engine: "tfjs", isSoftware: true, fallbackReason } as const;
  return typeof WebAssembly === "object"
    ? { ...processor, backend: "wasm", name: "Processor (WebAssembly)" }
    : { ...processor, backend: "cpu", name: "Processor (JavaScript)" };
}
