// Where the LoRA matrices lie in the flat vectors of the device: values, gradients and both AdamW
// moments alike.
import { adapterShapes, scalingOf, type LoraConfig } from "../../adapter/lora.ts";
import { loraTargets, type LoraTarget } from "../../adapter/targets.ts";
import type { AdapterState, AdapterTensor } from "../../adapter/state.ts";
import { alignmentBytes, persistent, viewOf, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Matrices begin where a binding may begin. */
const alignment = alignmentBytes / 4;

/** One adapted linear layer on the device. */
export interface PlacedTarget extends LoraTarget {
  /** Its number among the targets: dropout draws from a stream of its own. */
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
      const isA = index % 2 === 0;
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

  /** One of the three vectors of a state, as it lies on the device. */
  pack(
    state: AdapterState,
    pick: (tensor: AdapterTensor) => Float32Array,
  ): Float32Array<ArrayBuffer> {
    const own = this.#parts.map(({ name, shape }) => `${name} ${shape.join("x")}`);
    const given = state.tensors.map(({ name, shape }) => `${name} ${shape.join("x")}`);
    invariant(own.join() === given.join(), "the state's tensors are not the engine's");
    const flat = new Float32Array(this.elements);
    this.#parts.forEach((part, index) => {
      const tensor = state.tensors[index];
      if (tensor !== undefined) {
        widen(pick(tensor), part, this.rank, flat);
      }
    });
    return flat;
  }

  /**
   * The state that the device's vectors hold. They are read one after the other, so that only one
   * is there twice.
   */
  async unpack(read: (vector: Tensor) => Promise<Float32Array>): Promise<AdapterState> {
    const none: Float32Array = new Float32Array(0);
    const places = this.#parts.map((part) => {
      const { name, shape } = part;
      return { part, tensor: { name, shape, values: none, moment1: none, moment2: none } };
    });
    for (const vector of ["values", "moment1", "moment2"] as const) {
      const flat = await read(this[vector]);
      for (const { part, tensor } of places) {
        tensor[vector] = narrow(flat, part, this.rank);
      }
    }
    return { tensors: places.map(({ tensor }) => tensor) };
  }

  #place(target: LoraTarget, index: number): PlacedTarget {
    const [a, b] = [this.#parts[2 * index], this.#parts[2 * index + 1]];
    invariant(a !== undefined && b !== undefined, `${target.module} has no place`);
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

/** A gains rows at its end, B gains a few columns in every row. */
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
