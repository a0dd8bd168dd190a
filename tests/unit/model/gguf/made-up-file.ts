// A made-up GGUF file of each kind of model, with changes to its metadata and tensors.
import { blobSource } from "../../../../src/formats/byte-source.ts";
import {
  f32Tensor,
  list,
  number,
  str,
  strings,
  writeGguf,
  type Typed,
  type WrittenTensor,
} from "../../../support/gguf-writer.ts";

/** The sizes of the made-up model; `width` is that of the gated MLP. */
export const sizes = {
  hidden: 64,
  heads: 4,
  keyHeads: 2,
  headDim: 32,
  layers: 4,
  width: 96,
  vocab: 4,
};
const { hidden, heads, keyHeads, headDim, layers, width, vocab } = sizes;

type Metadata = Record<string, Typed | undefined>;
export type Tensors = Record<string, readonly number[] | WrittenTensor | undefined>;

/** Entries to add, to replace, or with undefined to leave out. */
export interface Changes {
  metadata?: Metadata;
  tensors?: Tensors;
}

/** Keys of that kind alone, without its prefix. */
const ownKeys: Record<string, Metadata> = {
  gemma2: { "attention.sliding_window": number("u32", 512) },
  gemma3: { "attention.sliding_window": number("u32", 512) },
};

function metadataOf(kind: string): Metadata {
  return {
    "general.architecture": str(kind),
    "general.name": str("Made Up"),
    "general.license": str("mit"),
    [`${kind}.context_length`]: number("u32", 4096),
    [`${kind}.embedding_length`]: number("u32", hidden),
    [`${kind}.block_count`]: number("u32", layers),
    [`${kind}.feed_forward_length`]: number("u32", width),
    [`${kind}.attention.head_count`]: number("u32", heads),
    [`${kind}.attention.head_count_kv`]: number("u32", keyHeads),
    [`${kind}.attention.key_length`]: number("u32", headDim),
    [`${kind}.attention.value_length`]: number("u32", headDim),
    [`${kind}.attention.layer_norm_rms_epsilon`]: number("f32", 1e-6),
    [`${kind}.rope.freq_base`]: number("f32", 10_000),
    ...Object.fromEntries(
      Object.entries(ownKeys[kind] ?? {}).map(([key, value]) => [`${kind}.${key}`, value]),
    ),
    "tokenizer.ggml.model": str("llama"),
    "tokenizer.ggml.tokens": strings(["<unk>", "<s>", "</s>", "a"]),
    "tokenizer.ggml.scores": list("f32", [0, 0, 0, -1]),
    "tokenizer.ggml.token_type": list("i32", [2, 3, 3, 1]),
  };
}

const plain = {
  attn_norm: [hidden],
  attn_q: [hidden, heads * headDim],
  attn_k: [hidden, keyHeads * headDim],
  attn_v: [hidden, keyHeads * headDim],
  attn_output: [heads * headDim, hidden],
  ffn_norm: [hidden],
  ffn_gate: [hidden, width],
  ffn_up: [hidden, width],
  ffn_down: [width, hidden],
};
const headNorms = { attn_q_norm: [headDim], attn_k_norm: [headDim] };
const sandwich = { post_attention_norm: [hidden], post_ffw_norm: [hidden] };
const ofLayer: Record<string, Record<string, number[]>> = {
  llama: plain,
  smollm3: plain,
  qwen2: plain,
  qwen3: { ...plain, ...headNorms },
  gemma2: { ...plain, ...sandwich },
  gemma3: { ...plain, ...headNorms, ...sandwich },
  phi3: {
    attn_norm: [hidden],
    attn_qkv: [hidden, (heads + 2 * keyHeads) * headDim],
    attn_output: [heads * headDim, hidden],
    ffn_norm: [hidden],
    ffn_up: [hidden, 2 * width],
    ffn_down: [width, hidden],
  },
};

/** The shapes of a file of that kind, in GGUF's order: the row length first. */
export function tensorsOfKind(kind: string): Tensors {
  const biases = kind === "qwen2" ? ["q", "k", "v"] : [];
  const inLayers = Array.from({ length: layers }, (_, layer) => [
    ...Object.entries(ofLayer[kind] ?? {}).map(([name, ne]) => [`blk.${layer}.${name}.weight`, ne]),
    ...biases.map((name) => [
      `blk.${layer}.attn_${name}.bias`,
      [(name === "q" ? heads : keyHeads) * headDim],
    ]),
  ]).flat();
  return {
    "token_embd.weight": [hidden, vocab],
    "output_norm.weight": [hidden],
    ...(Object.fromEntries(inLayers) as Tensors),
  };
}

/** The made-up model as a GGUF file of that kind. */
export function fileOf(kind: string, changes: Changes = {}) {
  const metadata = { ...metadataOf(kind), ...changes.metadata };
  const tensors = { ...tensorsOfKind(kind), ...changes.tensors };
  return blobSource(
    new Blob([
      writeGguf({
        metadata: Object.entries(metadata).filter(
          (entry): entry is [string, Typed] => entry[1] !== undefined,
        ),
        tensors: Object.entries(tensors).flatMap(([name, written]) => {
          if (written === undefined) {
            return [];
          }
          const isShape = Array.isArray(written);
          const ne = isShape ? (written as number[]) : [];
          const values = new Float32Array(ne.reduce((product, size) => product * size, 1));
          return isShape
            ? [f32Tensor(name, ne, values)]
            : [{ ...(written as WrittenTensor), name }];
        }),
      }),
    ]),
    "model.gguf",
  );
}
