// GGUF files that are refused, each with its code, its reason and its file.
import { describe, expect, test } from "vitest";
import { openGguf } from "../../../../src/model/gguf/open.ts";
import { UserError, type ErrorCode } from "../../../../src/util/errors.ts";
import { f32Tensor, list, number, str } from "../../../support/gguf-writer.ts";
import { fileOf, type Changes } from "./made-up-file.ts";

const { signal } = new AbortController();

describe("the way out of a refused GGUF file", () => {
  test.each<[string, NonNullable<Changes["metadata"]>, string]>([
    [
      "an adapter",
      { "general.type": str("adapter") },
      "Choose the base model as the model. An adapter to continue from must be a PEFT folder.",
    ],
    [
      "the part that reads images",
      { "general.type": str("mmproj") },
      "Choose the GGUF file of the language model, which lies beside it.",
    ],
    [
      "an unknown pre-tokenizer",
      { "tokenizer.ggml.model": str("gpt2"), "tokenizer.ggml.pre": str("viking") },
      "Choose the model's folder (.safetensors with tokenizer.json), which describes its tokenizer in full.",
    ],
  ])("a GGUF file is refused with what to do: %s", async (_, metadata, remedy) => {
    await expect(openGguf(fileOf("llama", { metadata }), signal)).rejects.toMatchObject({ remedy });
  });
});

describe("refused GGUF files", () => {
  const u32 = (value: number) => number("u32", value);
  test.each<[string, string, Changes, ErrorCode, string]>([
    [
      "an adapter",
      "llama",
      { metadata: { "general.type": str("adapter") } },
      "unsupported-architecture",
      "It contains an adapter, not a model.",
    ],
    [
      "the part that reads images",
      "llama",
      { metadata: { "general.type": str("mmproj"), "general.architecture": str("clip") } },
      "unsupported-architecture",
      "It contains the part of a model that reads images or sound (mmproj).",
    ],
    [
      "another content",
      "llama",
      { metadata: { "general.type": str("imatrix") } },
      "unsupported-architecture",
      'It contains "imatrix", not a complete model',
    ],
    [
      "an encoder",
      "llama",
      { metadata: { "general.architecture": str("nomic-bert") } },
      "unsupported-architecture",
      'The architecture "nomic-bert" is an encoder, which writes no text.',
    ],
    [
      "a fused tensor of other rows",
      "llama",
      { tensors: { "blk.0.attn_qkv.weight": [64, 250] } },
      "wrong-shape",
      "It is F32 [64, 250]; q, k and v have 128 + 64 + 64 rows.",
    ],
    [
      "a fused tensor beside q",
      "llama",
      { tensors: { "blk.0.attn_qkv.weight": [64, 256] } },
      "bad-header",
      "The same tensor is also in the fused one of its layer.",
    ],
    [
      "an unknown pre-tokenizer",
      "llama",
      {
        metadata: {
          "tokenizer.ggml.model": str("gpt2"),
          "tokenizer.ggml.pre": str("deepseek-coder"),
        },
      },
      "bad-tokenizer",
      '"deepseek-coder" is not supported.',
    ],
    [
      "one part of three",
      "llama",
      { metadata: { "split.count": number("u16", 3), "split.no": number("u16", 1) } },
      "missing-file",
      "It is part 2 of 3",
    ],
    [
      "no architecture",
      "llama",
      { metadata: { "general.architecture": undefined } },
      "unsupported-architecture",
      'The architecture "" is not supported',
    ],
    [
      "another architecture",
      "llama",
      { metadata: { "general.architecture": str("mamba") } },
      "unsupported-architecture",
      '"mamba"',
    ],
    [
      "an architecture that is a number",
      "llama",
      { metadata: { "general.architecture": u32(1) } },
      "bad-config",
      "must be text",
    ],
    [
      "a mixture of experts",
      "llama",
      { metadata: { "llama.expert_count": u32(8) } },
      "unsupported-architecture",
      "mixture of 8 experts",
    ],
    [
      "no hidden size",
      "llama",
      { metadata: { "llama.embedding_length": undefined } },
      "bad-config",
      'key "llama.embedding_length": It is missing',
    ],
    [
      "a hidden size that is text",
      "llama",
      { metadata: { "llama.embedding_length": str("64") } },
      "bad-config",
      "must be a whole number",
    ],
    [
      "layers of different widths",
      "llama",
      { metadata: { "llama.feed_forward_length": list("u32", [96, 96, 64, 96]) } },
      "bad-config",
      "It must be the same for all layers",
    ],
    [
      "keys and values of different widths",
      "llama",
      { metadata: { "llama.attention.value_length": u32(16) } },
      "bad-config",
      "Keys have 32 dimensions and values 16",
    ],
    [
      "heads that RoPE rotates in part",
      "qwen2",
      { metadata: { "qwen2.rope.dimension_count": u32(16) } },
      "bad-config",
      "RoPE rotates only 16 of 32 dimensions",
    ],
    [
      "heads of a fractional size",
      "llama",
      {
        metadata: {
          "llama.attention.key_length": undefined,
          "llama.attention.value_length": undefined,
          "llama.attention.head_count": u32(7),
        },
      },
      "bad-config",
      "The head size would be",
    ],
    [
      "no epsilon",
      "llama",
      { metadata: { "llama.attention.layer_norm_rms_epsilon": undefined } },
      "bad-config",
      "It is missing",
    ],
    [
      "an epsilon that is not a number",
      "llama",
      { metadata: { "llama.attention.layer_norm_rms_epsilon": number("f32", NaN) } },
      "bad-config",
      "It is NaN",
    ],
    [
      "no embedding",
      "llama",
      { tensors: { "token_embd.weight": undefined } },
      "missing-tensor",
      'no tensor "token_embd.weight"',
    ],
    [
      "a tensor of another kind of model",
      "llama",
      { tensors: { "blk.0.ffn_gate_inp.weight": [64, 8] } },
      "unsupported-architecture",
      'tensor "blk.0.ffn_gate_inp.weight"',
    ],
    [
      "a tensor of no layer",
      "llama",
      { tensors: { "blk.01.attn_q.weight": [64, 64] } },
      "unsupported-architecture",
      '"blk.01.attn_q.weight"',
    ],
    [
      "a tensor in a type that is not decoded",
      "llama",
      {
        tensors: {
          "blk.0.ffn_up.weight": { name: "", ne: [256, 1], type: 23, data: new Uint8Array(136) },
        },
      },
      "wrong-dtype",
      "The type IQ4_XS is not supported",
    ],
    [
      "rows that are not a multiple of the head size",
      "llama",
      { tensors: { "blk.0.attn_q.weight": [64, 100] } },
      "wrong-shape",
      "100 rows are not a multiple of the head size 32",
    ],
    [
      "divisors of RoPE that are not Llama 3's",
      "llama",
      { tensors: { "rope_freqs.weight": f32Tensor("", [16], new Float32Array(16).fill(3)) } },
      "unsupported-architecture",
      "do not match Llama 3's RoPE scaling",
    ],
    [
      "divisors of RoPE that are quantised",
      "llama",
      {
        tensors: { "rope_freqs.weight": { name: "", ne: [32], type: 8, data: new Uint8Array(34) } },
      },
      "wrong-dtype",
      "It is Q8_0; it must be F32",
    ],
    [
      "a matrix of divisors of RoPE",
      "llama",
      { tensors: { "rope_freqs.weight": [16, 4] } },
      "wrong-shape",
      "it must be one row",
    ],
    [
      "a vocabulary without scores",
      "llama",
      { metadata: { "tokenizer.ggml.scores": undefined } },
      "bad-tokenizer",
      "need scores",
    ],
  ])("a GGUF file is refused with a reason: %s", async (_, kind, changes, code, says) => {
    const fault = await openGguf(fileOf(kind, changes), signal).then(
      () => null,
      (error: unknown) => error,
    );
    expect(fault).toBeInstanceOf(UserError);
    expect(fault).toMatchObject({ code });
    expect((fault as UserError).message).toContain(says);
    expect((fault as UserError).where).toContain("model.gguf");
  });
});
