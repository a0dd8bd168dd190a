// What this device allows a run, found out when it is first asked for: limits, and memory by trial.
import { openGpuMachine } from "../gpu/gpu-machine.ts";
import { grantedBytes } from "../gpu/trial-allocation.ts";
import type { DeviceMemory } from "./fit.ts";
import type { DeviceInfo } from "./facts.ts";

/**
 * What tfjs can address on the processor: WebAssembly's memory ends at 4 GB, and the page lives
 * beside it. A software GPU is held to the same: it would fill every byte of a trial, for half a
 * minute.
 */
const processorBytes = 3e9;

/** Beyond this no model on offer goes, so no more is tried. */
const largestTrialBytes = 64e9;

export class MemoryProbe {
  #bindingBytes: number | null = null;
  #grantedBytes = 0;
  /** Whether the device refused more than was granted. */
  #isWhole = false;
  /** One trial at a time: two would take the memory from each other. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @param wantedBytes memory is tried up to here; what was granted before is not tried again */
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
    if (this.#bindingBytes === null || (!this.#isWhole && this.#grantedBytes < wanted)) {
      await this.#try(wanted);
    }
    return {
      totalBytes: this.#grantedBytes,
      bindingBytes: this.#bindingBytes ?? 0,
      isLimit: this.#isWhole,
    };
  }

  /** A device of its own: a refusal can take the device with it. */
  async #try(wanted: number): Promise<void> {
    const machine = await openGpuMachine();
    try {
      const { device, adapterInfo } = machine.opened;
      const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
      this.#bindingBytes = Math.min(maxStorageBufferBindingSize, maxBufferSize);
      this.#grantedBytes = adapterInfo.isFallbackAdapter
        ? Math.min(wanted, processorBytes)
        : await grantedBytes(machine.opened, wanted);
      this.#isWhole = this.#grantedBytes < wanted;
    } finally {
      await machine.release();
    }
  }
}
