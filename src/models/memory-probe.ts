// Probes the memory of this device at first use: limits by query, bytes by trial allocation.
import { openGpuMachine } from "../gpu/gpu-machine.ts";
import { grantedBytes } from "../gpu/trial-allocation.ts";
import type { DeviceMemory } from "./fit.ts";
import type { DeviceInfo } from "./facts.ts";

/**
 * Memory of tfjs on the CPU: WebAssembly addresses 4 GB, and the page needs some of it. A software
 * GPU gets the same limit, because it writes every byte of a trial, for half a minute.
 */
const processorBytes = 3e9;

/** No listed model needs more, so no more is tried. */
const largestTrialBytes = 64e9;

export class MemoryProbe {
  #bindingBytes: number | null = null;
  #grantedBytes = 0;
  /** Whether the device refused more than was granted. */
  #isLimit = false;
  /** One trial at a time: two would compete for the memory. */
  #queue: Promise<unknown> = Promise.resolve();

  /**
   * The memory of the device, tried up to `wantedBytes` where less was granted before.
   * @throws UserError "device-lost" when the browser has no device to give
   */
  async upTo(wantedBytes: number, backend: DeviceInfo["backend"]): Promise<DeviceMemory> {
    const found = this.#queue.then(() => this.#find(wantedBytes, backend));
    this.#queue = found.catch(() => undefined);
    return await found;
  }

  async #find(wantedBytes: number, backend: DeviceInfo["backend"]): Promise<DeviceMemory> {
    if (backend !== "webgpu") {
      return { totalBytes: processorBytes, bindingBytes: processorBytes, isLimit: true };
    }
    const wanted = Math.min(wantedBytes, largestTrialBytes);
    if (this.#bindingBytes === null || (!this.#isLimit && this.#grantedBytes < wanted)) {
      await this.#try(wanted);
    }
    return {
      totalBytes: this.#grantedBytes,
      bindingBytes: this.#bindingBytes ?? 0,
      isLimit: this.#isLimit,
    };
  }

  /** A trial needs a separate device: a refused allocation can lose it. */
  async #try(wanted: number): Promise<void> {
    const machine = await openGpuMachine();
    try {
      const { device, adapterInfo } = machine.opened;
      const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
      this.#bindingBytes = Math.min(maxStorageBufferBindingSize, maxBufferSize);
      this.#grantedBytes = adapterInfo.isFallbackAdapter
        ? Math.min(wanted, processorBytes)
        : await grantedBytes(machine.opened, wanted);
      this.#isLimit = this.#grantedBytes < wanted;
    } finally {
      await machine.release();
    }
  }
}
