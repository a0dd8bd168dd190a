// Which backend this browser can offer, best first, and why it is not WebGPU.
import type { DeviceInfo } from "./protocol.ts";

export async function findDevice(): Promise<DeviceInfo> {
  const gpu = navigator.gpu as GPU | undefined;
  const adapter = (await gpu?.requestAdapter({ powerPreference: "high-performance" })) ?? null;
  if (adapter !== null) {
    const { description, vendor, architecture } = adapter.info;
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
    return { engine: "tfjs", backend: "webgpu", name, fallbackReason: null };
  }
  const fallbackReason =
    gpu === undefined
      ? "This browser has no WebGPU."
      : "This browser has WebGPU but offers no graphics adapter.";
  return typeof WebAssembly === "object"
    ? { engine: "tfjs", backend: "wasm", name: "Processor (WebAssembly)", fallbackReason }
    : { engine: "tfjs", backend: "cpu", name: "Processor (JavaScript)", fallbackReason };
}
