// Submits commands in portions short enough for the page's compositor, and reads results back.
import type { Extent } from "./extents.ts";
import type { OpenDevice } from "./open-device.ts";

export interface Command {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  /** Index of its extent. */
  extent: number;
  /** Left out of a run over at most this many items. */
  skipUpToCount: number;
}

/** Work of one submit before any is measured: 0.1 s on a GPU of 40 GFLOP/s. */
const firstPortion = 2e9;
/** Duration of a submit: far below what starves a compositor or trips Metal's watchdog. */
const portionMs = 60;
/** Size of the readback buffers that are kept in a ring; a larger read creates one. */
const ringBytes = 1024;
const ringLength = 3;
/** Bytes that are kept for reading back. */
export const readbackBytes = ringBytes * ringLength;

export class Submitter {
  readonly #opened: OpenDevice;
  readonly #ring: GPUBuffer[];
  #portion = firstPortion;

  constructor(opened: OpenDevice) {
    this.#opened = opened;
    this.#ring = Array.from({ length: ringLength }, (_, index) =>
      makeStaging(opened.device, `readback ${index}`, ringBytes),
    );
  }

  get createdBytes(): number {
    return this.#ring.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Encodes and submits the commands that a run over `count` items needs.
   * @returns their work
   */
  submit(commands: readonly Command[], extents: readonly Extent[], count: number): number {
    let encoder: GPUCommandEncoder | null = null;
    let pass: GPUComputePassEncoder | null = null;
    let pipeline: GPUComputePipeline | null = null;
    let [work, submitted] = [0, 0];
    const flush = () => {
      if (encoder !== null && pass !== null) {
        pass.end();
        this.#opened.device.queue.submit([encoder.finish()]);
      }
      encoder = pass = pipeline = null;
      submitted += work;
      work = 0;
    };
    for (const command of commands) {
      if (count <= command.skipUpToCount) {
        continue;
      }
      if (pass === null) {
        encoder = this.#opened.device.createCommandEncoder();
        pass = encoder.beginComputePass();
      }
      const open: GPUComputePassEncoder = pass;
      if (command.pipeline !== pipeline) {
        open.setPipeline(command.pipeline);
        pipeline = command.pipeline;
      }
      open.setBindGroup(0, command.bindGroup);
      const extent = extents[command.extent] as Extent;
      open.dispatchWorkgroups(...extent.grid);
      work += extent.work;
      if (work >= this.#portion) {
        flush();
      }
    }
    flush();
    return submitted;
  }

  /** Sets the work of a submit from the time some work took. */
  learnPace(work: number, durationMs: number): void {
    this.#portion = Math.max(firstPortion / 100, (work / durationMs) * portionMs);
  }

  /** Bytes of a buffer after all submitted work. */
  async read(buffer: GPUBuffer, offsetBytes: number, sizeBytes: number): Promise<ArrayBuffer> {
    const { device } = this.#opened;
    const size = Math.ceil(sizeBytes / 4) * 4;
    const kept = size <= ringBytes ? this.#ring.shift() : undefined;
    const staging = kept ?? makeStaging(device, "readback", size);
    try {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offsetBytes, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await this.#opened.guard(staging.mapAsync(GPUMapMode.READ, 0, size));
      const bytes = staging.getMappedRange(0, size).slice(0, sizeBytes);
      staging.unmap();
      return bytes;
    } finally {
      if (kept === undefined) {
        staging.destroy();
      } else {
        this.#ring.push(kept);
      }
    }
  }

  async idle(): Promise<void> {
    await this.#opened.guard(this.#opened.device.queue.onSubmittedWorkDone());
  }

  dispose(): void {
    this.#ring.splice(0).forEach((buffer) => {
      buffer.destroy();
    });
  }
}

function makeStaging(device: GPUDevice, label: string, size: number): GPUBuffer {
  return device.createBuffer({
    label,
    size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
}
