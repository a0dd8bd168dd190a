// An open WebGPU device, shared by everything that computes on it.
import type { Extension } from "./kernel.ts";

export interface OpenDevice {
  device: GPUDevice;
  adapterInfo: GPUAdapterInfo;
  name: string;
  /** Extensions that kernels use here: offered, working and faster. */
  extensions: Set<Extension>;
  /** Resolves once the device is lost, for whatever reason. */
  lost: Promise<GPUDeviceLostInfo>;
  isLost: () => boolean;
  /**
   * The work's result, or a rejection as soon as the device is lost: some awaits on a lost device
   * never settle.
   */
  race: <T>(work: Promise<T>) => Promise<T>;
  /** The first error that no scope caught, or null. */
  fault: () => GPUError | null;
  /**
   * The result of device work, or the device's loss or fault, whichever comes first.
   * @throws UserError "device-lost", "out-of-memory" or "unexpected"
   */
  guard: <T>(work: Promise<T>) => Promise<T>;
}
