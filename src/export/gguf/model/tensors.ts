// The tensors of a merged model under their names, types and row orders in GGUF.
// Source: ggml-org/llama.cpp v0.5.0, conversion/base.py (prepare_tensors), llama.py, gemma.py,
// phi.py; the types of Q4_0 as src/llama-quant.cpp chooses them, with Q8_0 in place of Q6_K.
import { typeForRows, type EncodableType } from "../../../formats/gguf/quantize.ts";
import type { TensorToWrite } from "../../../formats/gguf/write.ts";
import type { ModelConfig } from "../../../model/config/model-config.ts";
import { ggufNameOf, type GgufArchitecture } from "../../../model/gguf/architecture.ts";
import { interleavedHeads, isInterleaved } from "../../../model/gguf/rows.ts";
import { embeddingName, headName } from "../../../model/tensors.ts";
import type { MergedTensor } from "../../merged/tensors.ts";

/** The types of matrices in a merged file; vectors are always F32. */
export const modelTypes = ["F16", "BF16", "Q8_0", "Q4_0", "F32"] as const satisfies EncodableType[];
export type ModelType = (typeof modelTypes)[number];

export function ggufTensor(
  tensor: MergedTensor,
  config: ModelConfig,
  architecture: GgufArchitecture,
  type: ModelType,
): TensorToWrite {
  const { name, shape } = tensor;
  return {
    name: ggufNameOf(name, architecture),
    type: typeOfTensor(tensor, config, type),
    shape,
    rows: isInterleaved(name, architecture)
      ? (signal) => interleaved(tensor, config.headDim, signal)
      : architecture.normShift === 1 && name.endsWith("norm.weight")
        ? (signal) => shifted(tensor, signal)
        : (signal) => tensor.rows(signal),
  };
}

/** The head, or the embedding that is one, decides between near tokens: it keeps 8 bits. */
export function typeOfTensor(
  { name, shape }: MergedTensor,
  { tieWordEmbeddings }: ModelConfig,
  type: ModelType,
): EncodableType {
  if (shape.length === 1) {
    return "F32";
  }
  const isHead = name === (tieWordEmbeddings ? embeddingName : headName);
  return typeForRows(isHead && type === "Q4_0" ? "Q8_0" : type, shape.at(-1) ?? 1);
}

/** Rows of q and k, or values of their biases, in the order of the file. */
async function* interleaved(
  { rows, shape }: MergedTensor,
  headDim: number,
  signal: AbortSignal,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const order = interleavedHeads(headDim);
  const columns = shape.length === 1 ? 1 : (shape[1] ?? 1);
  for await (const values of rows(signal, shape.length === 1 ? 1 : headDim)) {
    const ordered = new Float32Array(values.length);
    for (let row = 0; row < values.length / columns; row++) {
      const from = order(row) * columns;
      ordered.set(values.subarray(from, from + columns), row * columns);
    }
    yield ordered;
  }
}

/** Gemma multiplies by 1 + weight; llama.cpp by the weight of the file. */
async function* shifted(
  { rows }: MergedTensor,
  signal: AbortSignal,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for await (const values of rows(signal)) {
    yield values.map((value) => value + 1);
  }
}
