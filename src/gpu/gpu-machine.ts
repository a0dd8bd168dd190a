// A WebGPU device for the compiled engine, without tfjs.
import { openDevice } from "./device.ts";
import type { OpenDevice } from "./open-device.ts";

/** What a session needs of every backend. */
export interface AnyMachine {
  /** For people, e.g. "Apple M2". */
  name: string;
  isLost(): boolean;
  /** Resolves when the device is gone; never on wasm and cpu. */
  lost: Promise<unknown>;
  /** Releases everything and answers the bytes still held; the machine is unusable afterwards. */
  release(): Promise<number>;
}

/** For the compiled engine, which counts its own bytes. */
export interface GpuMachine extends Omit<AnyMachine, "release"> {
  opened: OpenDevice;
  /** Waits for submitted work and destroys the device. */
  release(): Promise<void>;
}

/** @throws UserError "device-lost" when WebGPU has no device */
export async function openGpuMachine(): Promise<GpuMachine> {
  const opened = await openDevice(navigator.gpu);
  return {
    opened,
    name: opened.name,
    isLost: opened.isLost,
    lost: opened.lost,
    release: async () => {
      await drain(opened);
      opened.device.destroy();
      await opened.lost;
    },
  };
}

/** Then the device is destroyed while it still works, which does no harm. */
const drainTimeoutMs = 5000;

/** Waits until all submitted work is done or the device is lost, at most 5 s. */
export async function drain({ device, isLost, lost }: OpenDevice): Promise<void> {
  if (isLost()) {
    return;
  }
  device.queue.submit([]); // destroyed buffers are freed at a submit
  // A crash rejects this some milliseconds before the loss is announced.
  const done = device.queue.onSubmittedWorkDone().catch(() => undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, drainTimeoutMs);
  });
  await Promise.race([done, lost, late]);
  clearTimeout(timer);
}
