// A WebGPU device as the compiled engine has it: alone, without tfjs.
import { openDevice } from "./device.ts";
import type { OpenDevice } from "./open-device.ts";

/** What a session needs of whatever computes. */
export interface AnyMachine {
  /** For people, e.g. "Apple M2". */
  name: string;
  isLost(): boolean;
  /** Resolves when the device is gone; never on wasm and cpu. */
  lost: Promise<unknown>;
  /**
   * Gives everything back and answers the bytes still held. The machine is of no use afterwards.
   */
  release(): Promise<number>;
}

/** For the compiled engine, which counts its own bytes. */
export interface GpuMachine extends Omit<AnyMachine, "release"> {
  opened: OpenDevice;
  /** Waits for the work under way and destroys the device. */
  release(): Promise<void>;
}

/** @throws UserError "device-lost" when WebGPU gives no device */
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

/**
 * How long submitted work is waited for before the device is destroyed under it, which does no
 * harm.
 */
const drainMs = 5000;

/**
 * Waits until all that was submitted is done, or the device is gone; never longer than 5 s and
 * never in vain.
 */
export async function drain({ device, isLost, lost }: OpenDevice): Promise<void> {
  if (isLost()) {
    return;
  }
  device.queue.submit([]); // what was destroyed is freed at a submit
  // A crash rejects this some milliseconds before the loss is announced.
  const done = device.queue.onSubmittedWorkDone().catch(() => undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, drainMs);
  });
  await Promise.race([done, lost, late]);
  clearTimeout(timer);
}
