// A WebGPU device as the compiled engine has it: alone, without tfjs.
import { openDevice, type OpenDevice } from "./device.ts";

/** What a session needs of whatever computes. */
export interface AnyMachine {
  /** For people, e.g. "Apple M2". */
  name: string;
  isLost(): boolean;
  /** Resolves when the device is gone; never on wasm and cpu. */
  lost: Promise<unknown>;
  /** Gives everything back and answers the bytes still held. The machine is of no use afterwards. */
  release(): Promise<number>;
}

/** For the compiled engine. */
export interface GpuMachine extends AnyMachine {
  opened: OpenDevice;
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
      return 0; // a destroyed device holds nothing, whatever was made on it
    },
  };
}

/** Waits until all that was submitted is done, or the device is gone. */
export async function drain({ device, isLost, lost }: OpenDevice): Promise<void> {
  if (!isLost()) {
    await Promise.race([device.queue.onSubmittedWorkDone(), lost]);
  }
}
