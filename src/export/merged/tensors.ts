// The tensors of the base model with an adapter merged in, W + scaling * B A, as streams of f32
// rows. Source: peft 0.21.2, tuners/lora/layer.py (get_delta_weight, merge).
import { scalingOf } from "../../adapter/lora.ts";
import type { AdapterTensor } from "../../adapter/state.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { BaseModel } from "../../model/open.ts";
import { tensorsOf } from "../../model/tensors.ts";
import { storedRows } from "../../model/weights/rows.ts";
import { invariant } from "../../util/assert.ts";
import { Product } from "./product.ts";

export interface MergedTensor {
  /** Hugging Face name. */
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * All values in order, in pieces of a whole number of `multiple` rows; a vector is one row.
   * @throws what reading the weights throws; the signal's AbortError
   */
  readonly rows: (
    signal: AbortSignal,
    multiple?: number,
  ) => AsyncGenerator<Float32Array<ArrayBuffer>>;
}

/**
 * Every tensor of the model in the order of `tensorsOf`; those without adapter are the stored ones.
 * @param model the run's base model, in the weights that it was trained on
 */
export function mergedTensors(
  { config, weights }: Pick<BaseModel, "config" | "weights">,
  { recipe, adapter }: Pick<RunState, "recipe" | "adapter">,
): MergedTensor[] {
  const matrices = new Map(adapter.tensors.map((tensor) => [tensor.name, tensor]));
  const scaling = scalingOf(recipe);
  const merged = tensorsOf(config).map(({ name, shape }): MergedTensor => {
    const module = `base_model.model.${name.replace(/\.weight$/, "")}`;
    const a = matrices.get(`${module}.lora_A.weight`);
    const b = matrices.get(`${module}.lora_B.weight`);
    matrices.delete(a?.name ?? "");
    matrices.delete(b?.name ?? "");
    const stored = (signal: AbortSignal, multiple?: number) =>
      storedRows(weights, name, signal, multiple);
    return {
      name,
      shape,
      rows:
        a === undefined || b === undefined
          ? stored
          : (signal, multiple) => mergeRows(stored(signal, multiple), a, b, scaling),
    };
  });
  invariant(matrices.size === 0, `${[...matrices.keys()].join(", ")}: no such layer in the model`);
  return merged;
}

/** Adds scaling * B A to rows of W [out, in] as they pass. */
async function* mergeRows(
  pieces: AsyncIterable<Float32Array<ArrayBuffer>>,
  a: AdapterTensor,
  b: AdapterTensor,
  scaling: number,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const [rank, columns] = a.shape;
  const product = new Product(a.values, rank, columns);
  const factors = b.values.map((value) => value * scaling);
  let row = 0;
  for await (const values of pieces) {
    const rows = values.length / columns;
    product.addTo(values, factors.subarray(row * rank, (row + rows) * rank));
    row += rows;
    yield values;
  }
}
