// Small configs of every architecture, parsed or refused.
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { UserError } from "../../../../src/util/errors.ts";

/** The keys that a config needs, of a small Llama. */
export const fewest = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};
/** The config of the fewest keys and those given. */
export const parse = (given: object) => parseModelConfig(JSON.stringify({ ...fewest, ...given }));

/** The error that a config.json is refused with. */
export function refusal(text: string): UserError {
  try {
    parseModelConfig(text);
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}

/** The error that the fewest keys and those given are refused with. */
export const refusalOf = (given: object) => refusal(JSON.stringify({ ...fewest, ...given }));

export const mistral = { architectures: ["MistralForCausalLM"], num_key_value_heads: 2 };
export const gemma2 = { architectures: ["Gemma2ForCausalLM"] };
export const gemma3 = { architectures: ["Gemma3ForCausalLM"] };
export const smollm3 = { architectures: ["SmolLM3ForCausalLM"] };
export const qwen2 = { architectures: ["Qwen2ForCausalLM"], num_key_value_heads: 2 };
export const phi3 = { architectures: ["Phi3ForCausalLM"] };
export const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
export const longrope = {
  type: "longrope",
  short_factor: [1, 1, 1, 1, 1, 1, 1, 1],
  long_factor: [],
};
