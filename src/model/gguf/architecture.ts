// The architectures that are read from GGUF: their class in transformers, and how llama.cpp's
// converter names and changes their tensors. Source: ggml-org/llama.cpp conversion/*.py and
// gguf-py/gguf/tensor_mapping.py.
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

export interface GgufArchitecture {
  /** `general.architecture`; also the prefix of the architecture's keys. */
  name: string;
  /** Hugging Face class name. */
  hfClass: string;
  modelType: string;
  /**
   * Whether the converter interleaves the two halves of each head of q and k (ggml's older RoPE).
   */
  isInterleaved: boolean;
  /** Number that the converter adds to the weights of norms. */
  normShift: 0 | 1;
  /** Modules of a layer, by their name in the file after `blk.N.`. */
  modules: ReadonlyMap<string, string>;
}

const common = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};
const headNorms = { attn_q_norm: "self_attn.q_norm", attn_k_norm: "self_attn.k_norm" };
const sandwich = {
  post_attention_norm: "post_attention_layernorm",
  ffn_norm: "pre_feedforward_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
};
const fused = {
  attn_norm: "input_layernorm",
  attn_qkv: "self_attn.qkv_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_up: "mlp.gate_up_proj",
  ffn_down: "mlp.down_proj",
};

const architectures: readonly GgufArchitecture[] = [
  {
    ...described("llama", "LlamaForCausalLM", common),
    isInterleaved: true,
  },
  described("qwen2", "Qwen2ForCausalLM", common),
  described("qwen3", "Qwen3ForCausalLM", { ...common, ...headNorms }),
  { ...described("smollm3", "SmolLM3ForCausalLM", common), isInterleaved: true },
  { ...described("gemma2", "Gemma2ForCausalLM", { ...common, ...sandwich }), normShift: 1 },
  {
    ...described("gemma3", "Gemma3ForCausalLM", { ...common, ...headNorms, ...sandwich }),
    modelType: "gemma3_text",
    normShift: 1,
  },
  described("phi3", "Phi3ForCausalLM", fused),
];

/** @throws UserError "unsupported-architecture" */
export function architectureOf(name: string, fileName: string): GgufArchitecture {
  const found = architectures.find((candidate) => candidate.name === name);
  if (found === undefined) {
    if (/bert|^clip$|^t5/.test(name)) {
      const what = name === "clip" ? "an image encoder" : "an encoder, which writes no text";
      throw unsupportedModel(`The architecture ${shortJson(name)} is ${what}.`, fileName);
    }
    throw unsupportedModel(`The architecture ${shortJson(name)} is not supported.`, fileName);
  }
  return found;
}

/**
 * The architecture in which llama.cpp keeps a Hugging Face class; Mistral is a Llama there.
 * @throws Error for a class that is no supported one
 */
export function architectureOfClass(hfClass: string): GgufArchitecture {
  const kept = hfClass === "MistralForCausalLM" ? "LlamaForCausalLM" : hfClass;
  const found = architectures.find((candidate) => candidate.hfClass === kept);
  invariant(found !== undefined, `${hfClass} has no GGUF architecture`);
  return found;
}

export function unsupportedModel(message: string, fileName: string): UserError {
  const names = architectures.map(({ name }) => name).join(", ");
  return new UserError("unsupported-architecture", message, {
    where: fileName,
    remedy: `Choose a language model of one of these architectures: ${names}.`,
  });
}

/**
 * The Hugging Face name of a tensor; null for RoPE frequencies, which are part of the config there.
 * @throws UserError "unsupported-architecture" for a tensor that this architecture does not have
 */
export function hfNameOf(
  name: string,
  { name: kind, modules }: GgufArchitecture,
  fileName: string,
): string | null {
  const top = topLevel.get(name);
  if (top !== undefined) {
    return top;
  }
  if (ropeFrequencies.test(name)) {
    return null;
  }
  const [, layer, part = "", suffix = ""] = layerTensor.exec(name) ?? [];
  const path = modules.get(part);
  if (layer === undefined || path === undefined) {
    throw new UserError(
      "unsupported-architecture",
      `No ${kind} model that is supported has such a tensor.`,
      {
        where: `${fileName}, tensor ${shortJson(name)}`,
        remedy: "Choose another GGUF file of the model, or its folder with .safetensors files.",
      },
    );
  }
  return `model.layers.${Number(layer)}.${path}.${suffix}`;
}

/**
 * The inverse of `hfNameOf`: the name in a GGUF file of a tensor of the model.
 * @throws Error for a tensor that the architecture does not have
 */
export function ggufNameOf(name: string, { modules }: GgufArchitecture): string {
  const top = [...topLevel].find(([, hfName]) => hfName === name);
  if (top !== undefined) {
    return top[0];
  }
  const [, layer = "", path, suffix = ""] =
    /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const module = [...modules].find(([, hfPath]) => hfPath === path);
  invariant(module !== undefined, `${name} has no name in GGUF`);
  return `blk.${layer}.${module[0]}.${suffix}`;
}

const topLevel: ReadonlyMap<string, string> = new Map([
  ["token_embd.weight", "model.embed_tokens.weight"],
  ["output_norm.weight", "model.norm.weight"],
  ["output.weight", "lm_head.weight"],
]);
const layerTensor = /^blk\.(0|[1-9]\d{0,4})\.(\w+)\.(weight|bias)$/;
const ropeFrequencies =
  /^(blk\.\d+\.)?(rope_freqs|rope_factors_long|rope_factors_short|attn_rot_embd)(\.weight)?$/;

function described(
  name: string,
  hfClass: string,
  modules: Readonly<Record<string, string>>,
): GgufArchitecture {
  return {
    name,
    hfClass,
    modelType: name,
    isInterleaved: false,
    normShift: 0,
    modules: new Map(Object.entries(modules)),
  };
}
