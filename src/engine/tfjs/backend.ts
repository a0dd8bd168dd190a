// The tfjs backend that computes: WebGPU on a device of ours, or WASM or plain JavaScript where
// WebGPU is missing.
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { UserError } from "../../util/errors.ts";
import type { BackendName } from "../contract.ts";
import { openDevice } from "../../gpu/device.ts";
import { drain, type AnyMachine } from "../../gpu/gpu-machine.ts";
import { registerTfjs } from "./tfjs-bridge.ts";
import type { OpenDevice } from "../../gpu/open-device.ts";

export interface Machine extends AnyMachine {
  backend: BackendName;
  /** The result of device work, or the loss or fault of the device, whichever comes first. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Brings a tensor's values to the device now; tfjs alone would wait until an op needs them. */
  upload: (tensor: tf.Tensor) => void;
  /** Bytes of device buffers, pooled ones included. */
  allocatedBytes(): number;
}

/** Where tfjs finds its .wasm files; the page's build passes URLs of its own origin. */
export type WasmPaths = Record<string, string>;

/** Opens the named backend. @throws UserError "device-lost" when WebGPU gives no device */
export async function openMachine(
  backend: BackendName,
  wasmPaths: WasmPaths = {},
): Promise<Machine> {
  switch (backend) {
    case "webgpu":
      return await openWebGpu();
    case "wasm":
      return await openWasm(wasmPaths);
    case "cpu":
      await import("@tensorflow/tfjs-backend-cpu");
      return await openHost("cpu", "JavaScript");
  }
}

async function openWebGpu(): Promise<Machine> {
  const opened = await openDevice(navigator.gpu);
  const backend = await registerTfjs(opened);
  return {
    backend: "webgpu",
    name: opened.name,
    isLost: opened.isLost,
    lost: opened.lost,
    guard: opened.guard,
    upload: ({ dataId }) => {
      backend.uploadToGPU(dataId);
    },
    allocatedBytes,
    release: () => releaseWebGpu(opened, backend),
  };
}

function allocatedBytes(): number {
  const memory = tf.memory() as tf.MemoryInfo & { numBytesAllocatedInGPU?: number };
  return memory.numBytesAllocatedInGPU ?? memory.numBytes;
}

async function releaseWebGpu(opened: OpenDevice, backend: WebGPUBackend): Promise<number> {
  await drain(opened);
  tf.removeBackend("webgpu");
  opened.device.destroy();
  await opened.lost;
  return backend.memory().numBytesAllocatedInGPU;
}

async function openWasm(paths: WasmPaths): Promise<Machine> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  if (Object.keys(paths).length > 0) {
    wasm.setWasmPaths(paths);
  }
  // Its threads are workers from text, which the page's policy refuses where headers allow threads.
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  return await openHost("wasm", "WebAssembly");
}

/** A backend in this process; it cannot be lost. */
async function openHost(backend: "wasm" | "cpu", name: string): Promise<Machine> {
  if (!(await tf.setBackend(backend))) {
    throw new UserError("unexpected", `The ${name} backend could not be started.`, {
      remedy: "Use a current browser.",
    });
  }
  return {
    backend,
    name,
    isLost: () => false,
    lost: new Promise(() => undefined),
    guard: (work) => work,
    upload: () => undefined,
    allocatedBytes,
    release: () => Promise.resolve(allocatedBytes()),
  };
}
