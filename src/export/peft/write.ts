// Writes an adapter as PEFT does: adapter_config.json and adapter_model.safetensors. Source: peft
// 0.21.0, config.py (save_pretrained), tuners/lora/config.py and utils/save_and_load.py.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { encodeSafetensors } from "../../formats/safetensors-write.ts";
import { baseNameOf, baseRevisionOf } from "../base-name.ts";
import type { WriteOptions } from "../format.ts";
import { modulesOf } from "../modules.ts";
import { PythonFloat, pythonJson } from "../python-json.ts";
import { bytesOfValues, convertTensors, floatTypeOf } from "../values.ts";

/** The version whose fields are written; an older PEFT drops those it does not know. */
const peftVersion = "0.21.0";

/** Every field of LoraConfig with its value for plain LoRA. PEFT writes all of them. */
const plainLora = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  bias: "none",
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: "megatron.core",
  modules_to_save: null,
  monteclora_config: null,
  peft_type: "LORA",
  peft_version: peftVersion,
  qalora_group_size: 16,
  rank_pattern: {},
  target_parameters: null,
  task_type: "CAUSAL_LM",
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
  velora_config: null,
} as const;

/**
 * `adapter_config.json` with PEFT's 41 keys and formatting. `target_modules` has what was trained,
 * sorted: in PEFT it is a set without order.
 */
export function adapterConfigJson(run: RunState): string {
  const { recipe, base } = run;
  return pythonJson({
    ...plainLora,
    base_model_name_or_path: baseNameOf(base), // PEFT reads null as unknown
    lora_alpha: recipe.alpha,
    lora_dropout: new PythonFloat(recipe.dropout),
    r: recipe.rank,
    revision: baseRevisionOf(base),
    target_modules: modulesOf(run).trained,
  });
}

/**
 * `adapter_model.safetensors`: A `[r, in]` and B `[out, r]` under PEFT's names, nothing of the
 * optimizer.
 * @throws as `convertTensors`
 */
export async function adapterSafetensors(
  { adapter: { tensors } }: RunState,
  options: Omit<WriteOptions, "model">,
): Promise<Uint8Array<ArrayBuffer>> {
  const type = floatTypeOf(options.valueType);
  const totalBytes = bytesOfValues(tensors, type);
  const converted = await convertTensors(tensors, totalBytes, type, options);
  return encodeSafetensors(converted, { format: "pt" });
}
