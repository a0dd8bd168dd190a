// The layout of the LoRA matrices in the flat vectors of the device: values, gradients and both
// AdamW moments alike.
import { adapterShapes, scalingOf, type LoraConfig } from "../../adapter/lora.ts";
import { loraTargets, type LoraTarget } from "../../adapter/targets.ts";
import type { AdapterState } from "../../adapter/state.ts";
import { alignmentBytes, persistent, viewOf, type Tensor, type View } from "../../gpu/plan.ts";
import {
  adapterVectors,
  isLoraA,
  pairOf,
  requireSameTensors,
  type AdapterVector,
} from "../adapter-order.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Matrices begin where a binding may begin, in elements. */
const alignment = alignmentBytes / 4;

/** One adapted linear layer on the device. */
export interface PlacedTarget extends LoraTarget {
  /** Its index among the targets, which selects the stream that dropout draws from. */
  index: number;
  /** [rank, in] and [out, rank] of the values, with the device's rank. */
  a: View;
  b: View;
  gradientA: View;
  gradientB: View;
}

interface PlacedMatrix {
  name: string;
  shape: readonly [number, number];
  isA: boolean;
  /** In elements. */
  offset: number;
  size: number;
}

/**
 * Kernels read quads along the rank, so on the device it is rounded up to a multiple of 4. The
 * added directions are zero in A and in B, hence their gradients too, and AdamW leaves them at
 * zero.
 */
export class AdapterLayout {
  readonly rank: number;
  readonly scaling: number;
  readonly elements: number;
  readonly values: Tensor;
  readonly gradients: Tensor;
  readonly moment1: Tensor;
  readonly moment2: Tensor;
  readonly targets: ReadonlyMap<string, PlacedTarget>;
  readonly #parts: readonly PlacedMatrix[];

  constructor(config: ModelConfig, lora: LoraConfig) {
    const targets = loraTargets(config, lora);
    this.rank = Math.ceil(lora.rank / 4) * 4;
    this.scaling = scalingOf(lora);
    let offset = 0;
    this.#parts = adapterShapes(targets, lora.rank).map(({ name, shape }, index) => {
      const isA = isLoraA(index);
      const size = this.rank * (isA ? shape[1] : shape[0]);
      const part = { name, shape, isA, offset, size };
      offset += Math.ceil(size / alignment) * alignment;
      return part;
    });
    this.elements = offset;
    this.values = persistent("adapter", offset);
    this.gradients = persistent("adapter gradients", offset);
    this.moment1 = persistent("adapter moment 1", offset);
    this.moment2 = persistent("adapter moment 2", offset);
    this.targets = new Map(
      targets.map((target, index) => [target.module, this.#place(target, index)]),
    );
  }

  /** One of the three vectors of a state in the device's layout. */
  pack(state: AdapterState, vector: AdapterVector): Float32Array<ArrayBuffer> {
    requireSameTensors(state, this.#parts);
    const flat = new Float32Array(this.elements);
    this.#parts.forEach((part, index) => {
      const tensor = state.tensors[index];
      if (tensor !== undefined) {
        widen(tensor[vector], part, this.rank, flat);
      }
    });
    return flat;
  }

  /**
   * The state that the device's vectors hold. They are read one after the other, so that the host
   * holds a second copy of one only.
   */
  async unpack(read: (vector: Tensor) => Promise<Float32Array>): Promise<AdapterState> {
    const none: Float32Array = new Float32Array(0);
    const places = this.#parts.map((part) => {
      const { name, shape } = part;
      return { part, tensor: { name, shape, values: none, moment1: none, moment2: none } };
    });
    for (const vector of adapterVectors) {
      const flat = await read(this[vector]);
      for (const { part, tensor } of places) {
        tensor[vector] = narrow(flat, part, this.rank);
      }
    }
    return { tensors: places.map(({ tensor }) => tensor) };
  }

  #place(target: LoraTarget, index: number): PlacedTarget {
    const { a, b } = pairOf(this.#parts, index);
    const view = (tensor: Tensor, { offset, size }: PlacedMatrix) => viewOf(tensor, offset, size);
    return {
      ...target,
      index,
      a: view(this.values, a),
      b: view(this.values, b),
      gradientA: view(this.gradients, a),
      gradientB: view(this.gradients, b),
    };
  }
}

/** Pads to the device's rank: A gains rows at its end, B a few columns in every row. */
function widen(
  source: Float32Array,
  { shape, isA, offset }: PlacedMatrix,
  rank: number,
  into: Float32Array,
) {
  if (isA) {
    into.set(source, offset);
    return;
  }
  const [rows, cols] = shape;
  for (let row = 0; row < rows; row++) {
    into.set(source.subarray(row * cols, (row + 1) * cols), offset + row * rank);
  }
}

function narrow(
  flat: Float32Array,
  { shape, isA, offset }: PlacedMatrix,
  rank: number,
): Float32Array {
  const [rows, cols] = shape;
  if (isA) {
    return flat.slice(offset, offset + rows * cols);
  }
  const result = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const at = offset + row * rank;
    result.set(flat.subarray(at, at + cols), row * cols);
  }
  return result;
}
