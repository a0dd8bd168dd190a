// The tfjs backend that computes: WebGPU on a device of ours, or WASM or plain JavaScript where WebGPU is missing.
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { UserError } from "../util/errors.ts";
import { deviceLost, openDevice, type OpenDevice } from "./device.ts";

export type BackendName = "webgpu" | "wasm" | "cpu";

export interface Machine {
  backend: BackendName;
  /** For people, e.g. "Apple M2". */
  name: string;
  isLost(): boolean;
  /** Resolves when the device is gone; never on wasm and cpu. */
  lost: Promise<unknown>;
  /** The result of device work, or the loss or fault of the device, whichever comes first. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Brings a tensor's values to the device now; tfjs alone would wait until an op needs them. */
  upload: (tensor: tf.Tensor) => void;
  /** Bytes of device buffers, pooled ones included. */
  allocatedBytes(): number;
  /** Gives everything back and answers the bytes still held. The machine is of no use afterwards. */
  release(): Promise<number>;
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
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  const opened = await openDevice(navigator.gpu);
  setWebGpuFlags();
  // Kernels are registered under this very name, so a new device means a new backend of the same name.
  if (Object.hasOwn(tf.engine().registryFactory, "webgpu")) {
    tf.removeBackend("webgpu");
  }
  const backend = new WebGPUBackend(opened.device, opened.adapterInfo);
  tf.registerBackend("webgpu", () => backend, 10);
  await tf.setBackend("webgpu");
  return {
    backend: "webgpu",
    name: opened.name,
    isLost: opened.isLost,
    lost: opened.lost,
    guard: (work) => guard(work, opened),
    upload: ({ dataId }) => {
      backend.uploadToGPU(dataId);
    },
    allocatedBytes,
    release: () => releaseWebGpu(opened, backend),
  };
}

function setWebGpuFlags(): void {
  // Otherwise small tensors are computed in JavaScript and a "GPU" result is not one.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  // 3 is MatMulPackedProgram. The default may pick split-K, whose float atomics add in any order.
  tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", 3);
}

function allocatedBytes(): number {
  const memory = tf.memory() as tf.MemoryInfo & { numBytesAllocatedInGPU?: number };
  return memory.numBytesAllocatedInGPU ?? memory.numBytes;
}

async function guard<T>(work: Promise<T>, opened: OpenDevice): Promise<T> {
  const result = await opened.race(work).catch(async (error: unknown) => {
    // A crash rejects pending work some milliseconds before the loss is announced.
    await Promise.race([opened.lost, new Promise((resolve) => setTimeout(resolve, 1000))]);
    throw opened.isLost() ? deviceLost(await opened.lost) : error;
  });
  throwFault(opened.fault());
  return result;
}

/** tfjs turns a rejected command into zeros, so an error that nobody caught ends the work. */
function throwFault(fault: GPUError | null): void {
  if (fault instanceof GPUOutOfMemoryError) {
    throw new UserError("out-of-memory", `The GPU is out of memory: ${fault.message}`, {
      remedy: "Choose a smaller batchSize, maxLength or rank, or a smaller model.",
    });
  }
  if (fault !== null) {
    throw new UserError("unexpected", `The GPU refused a command: ${fault.message}`, {
      remedy: "Saved runs are kept. Please report this text with the name of your GPU.",
    });
  }
}

async function releaseWebGpu(opened: OpenDevice, backend: WebGPUBackend): Promise<number> {
  if (!opened.isLost()) {
    await Promise.race([opened.device.queue.onSubmittedWorkDone(), opened.lost]);
  }
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
