// Runs tfjs on a device opened by gpu/: its tensors and the buffers of plans are the same memory.
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { invariant } from "../../util/assert.ts";
import type { OpenDevice } from "../../gpu/open-device.ts";

/** Makes this device tfjs's "webgpu" backend, in place of an earlier one. */
export async function registerTfjs({ device, adapterInfo }: OpenDevice): Promise<WebGPUBackend> {
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  // Otherwise small tensors are computed in JavaScript and a "GPU" result is not one.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  // 3 is MatMulPackedProgram. The default may pick split-K, whose float atomics add in any order.
  tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", 3);
  // Kernels are registered under this very name, so a new device means a new backend of the same
  // name.
  if (Object.hasOwn(tf.engine().registryFactory, "webgpu")) {
    tf.removeBackend("webgpu");
  }
  const backend = new WebGPUBackend(device, adapterInfo);
  tf.registerBackend("webgpu", () => backend, 10);
  await tf.setBackend("webgpu");
  return backend;
}

/**
 * Tensors over buffers that are not tfjs's own. What others submitted before is seen by tfjs; what
 * tfjs issued is seen by others after `copyTo`.
 */
export class TfjsBridge {
  readonly #opened: OpenDevice;
  readonly #backend: WebGPUBackend;

  private constructor(opened: OpenDevice, backend: WebGPUBackend) {
    this.#opened = opened;
    this.#backend = backend;
  }

  static async open(opened: OpenDevice): Promise<TfjsBridge> {
    return new TfjsBridge(opened, await registerTfjs(opened));
  }

  /**
   * The first values of a buffer as a tensor, without a copy. Disposing of it leaves the buffer
   * alone.
   */
  tensorOver<R extends tf.Rank>(
    buffer: GPUBuffer,
    shape: tf.ShapeMap[R],
    dtype: "float32" | "int32",
  ): tf.Tensor<R> {
    return tf.tensor<R>({ buffer, zeroCopy: true }, shape, dtype);
  }

  /** Runs ops, and frees what they leave behind but for the result. */
  compute<T extends tf.TensorContainer>(ops: () => T): T {
    invariant(tf.backend() === this.#backend, "tfjs has moved to another backend");
    return tf.tidy(ops);
  }

  /** To be called when others wrote to the buffer below a tensor: tfjs keeps what it once read. */
  forgetRead({ dataId }: tf.Tensor): void {
    const held = this.#backend.tensorMap.get(dataId);
    held.values = null as unknown as typeof held.values;
  }

  /** Submits all that tfjs has issued, then copies tensors into buffers. Nothing is allocated. */
  copyTo(copies: readonly { tensor: tf.Tensor; buffer: GPUBuffer; offsetBytes?: number }[]): void {
    const sources = copies.map(({ tensor }) => this.#bufferOf(tensor));
    this.#backend.ensureCommandEncoderReady(); // submitQueue fails without an encoder
    this.#backend.endComputePassEncoder();
    this.#backend.submitQueue();
    const { device } = this.#opened;
    const encoder = device.createCommandEncoder();
    copies.forEach(({ tensor, buffer, offsetBytes = 0 }, index) => {
      const source = sources[index] as GPUBuffer;
      encoder.copyBufferToBuffer(source, 0, buffer, offsetBytes, 4 * tensor.size);
    });
    device.queue.submit([encoder.finish()]);
  }

  /** Bytes of tfjs's own buffers, its pool included. */
  get allocatedBytes(): number {
    return this.#backend.memory().numBytesAllocatedInGPU;
  }

  /** Frees tfjs's buffers, unless a later backend did so; the device stays. */
  close(): void {
    if (tf.findBackend("webgpu") === this.#backend) {
      tf.removeBackend("webgpu");
    }
    this.#opened.device.queue.submit([]); // without a submit nothing is freed
  }

  #bufferOf({ dataId }: tf.Tensor): GPUBuffer {
    this.#backend.uploadToGPU(dataId); // a constant may so far exist on the host only
    return this.#backend.tensorMap.get(dataId).resource as GPUBuffer;
  }
}
