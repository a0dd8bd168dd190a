// The weights of the merged model as an engine reads them, with the rounding of the file: blocks of
// Q8_0 and Q4_0 are moved, not rounded again. BF16 becomes f16, which holds its usual values.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { dequantize } from "../../formats/gguf/dequantize.ts";
import { quantize, typeOf, type EncodableType } from "../../formats/gguf/quantize.ts";
import { packBlocks, packingOf, groupSize } from "../../model/gguf/pack.ts";
import type { BaseModel } from "../../model/open.ts";
import { WeightEncoder, type WeightPart } from "../../model/weight-format/encode.ts";
import {
  formatFor,
  type WeightBinding,
  type WeightShape,
} from "../../model/weight-format/format.ts";
import { matrixOf, shapeIn, type WeightStore } from "../../model/weights/store.ts";
import { invariant } from "../../util/assert.ts";
import { typeOfTensor, type ModelType } from "../gguf/model/tensors.ts";
import { mergedTensors, type MergedTensor } from "./tensors.ts";

/** @throws as `mergedTensors`; reading a tensor throws what merging and rounding it throws */
export function mergedStore(run: RunState, model: BaseModel, type: ModelType): WeightStore {
  const tensors = new Map(
    mergedTensors(model, run).map((tensor) => [
      tensor.name,
      { tensor, type: typeOfTensor(tensor, model.config, type) },
    ]),
  );
  const shapes = new Map(
    [...tensors].map(([name, { tensor, type: own }]) => [name, shapeOf(tensor, own)]),
  );
  return {
    shapes,
    parts: (name, signal) => {
      const found = tensors.get(name);
      invariant(found !== undefined, `${name} is not among the weights`);
      const shape = shapeIn(shapes, name);
      const isPacked = shape.format === packingOf(found.type)?.format;
      return isPacked
        ? packedParts(found.tensor, found.type, signal)
        : encodedParts(found.tensor, found.type, shape, signal);
    },
  };
}

function shapeOf({ shape }: MergedTensor, type: EncodableType): WeightShape {
  const { rows, cols } = matrixOf(shape);
  const wanted = packingOf(type)?.format ?? (type === "F32" ? "f32" : "f16");
  const format = formatFor(wanted, rows, cols, groupSize);
  return format === "q8" || format === "q4"
    ? { format, rows, cols, groupSize }
    : { format, rows, cols };
}

async function* packedParts(
  { name, rows }: MergedTensor,
  type: EncodableType,
  signal: AbortSignal,
): AsyncGenerator<WeightPart> {
  const packing = packingOf(type);
  invariant(packing !== undefined, `${type} has no blocks`);
  const ends: Partial<Record<WeightBinding, number>> = {};
  for await (const values of rows(signal)) {
    const { weight, scales } = packBlocks(packing, quantize(type, values, `tensor ${name}`));
    for (const [binding, bytes] of [["weight", weight] as const, ["scales", scales] as const]) {
      const offsetBytes = ends[binding] ?? 0;
      yield { binding, offsetBytes, values: bytes };
      ends[binding] = offsetBytes + bytes.byteLength;
    }
  }
}

async function* encodedParts(
  { name, rows }: MergedTensor,
  type: EncodableType,
  shape: WeightShape,
  signal: AbortSignal,
): AsyncGenerator<WeightPart> {
  const encoder = new WeightEncoder(name, shape);
  for await (const values of rows(signal)) {
    const rounded = quantize(type, values, `tensor ${name}`);
    yield* encoder.rows(dequantize(type, typeOf(type), rounded));
  }
  yield* encoder.finish();
}
