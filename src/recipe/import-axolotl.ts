// Recipes in the words of Axolotl's YAML. Source: axolotl 0.19.0, utils/schemas/.
import {
  adamW,
  each,
  only,
  plain,
  rule,
  scheduleRules,
  to,
  toMaxSteps,
  toModules,
  toSteps,
  unused,
  type Given,
  type KeyRule,
  type Outcome,
  type Tool,
} from "./import-table.ts";

const plainLora = "Anneal trains plain LoRA";
const ownTokenizer = "the model's tokenizer and chat template are used as they are";
const weightFormat = "the format of the frozen weights (q8, q4, nf4) is chosen with the model";
const deviceMemory = "number formats and memory are planned for this device";
const ownDistribution = "one device trains";
const completions = "Anneal trains on completions";
const keptHere = "runs are kept in this browser, and every step is logged";

const reading: [string, KeyRule][] = [
  ["lora_r", to("rank")],
  ["lora_alpha", to("alpha")],
  ["lora_dropout", to("dropout")],
  ["lora_target_modules", rule(["targetModules"], modulesOf)],
  ["lora_target_linear", rule(["targetModules"], allLinear)],
  ["learning_rate", to("learningRate")],
  ...scheduleRules("lr_scheduler"),
  ["weight_decay", to("weightDecay")],
  ["adam_beta1", to("beta1")],
  ["adam_beta2", to("beta2")],
  ["adam_epsilon", to("epsilon")],
  ["max_grad_norm", to("maxGradNorm")],
  ["micro_batch_size", to("batchSize")],
  ["gradient_accumulation_steps", to("gradientAccumulationSteps")],
  ["num_epochs", to("epochs")],
  ["max_steps", toMaxSteps()],
  ["sequence_len", to("maxLength")],
  ["train_on_inputs", to("completionOnly", (value) => (isBoolean(value) ? !value : value))],
  ["sample_packing", to("packing")],
  ["curriculum_sampling", to("shuffle", (value) => (isBoolean(value) ? !value : value))],
  ["default_system_message", to("systemMessage")],
  ["val_set_size", rule(["heldOutRows"], heldOut)],
  ["eval_steps", toSteps("evalSteps")],
  ["save_steps", toSteps("saveSteps")],
  ["save_total_limit", to("saveTotalLimit")],
  ["seed", to("seed")],
];

const changing: [string, KeyRule][] = [
  ["adapter", only(["lora", "qlora"], "Anneal trains LoRA only")],
  ["lora_model_dir", only([], "a run starts from a PEFT adapter: Start from an adapter")],
  ...each(
    `peft_use_dora peft_use_rslora peft_layer_replication peft_trainable_token_indices
     peft_ensure_weight_tying lora_modules_to_save lora_rank_pattern lora_alpha_pattern
     lora_target_parameters lora_fan_in_fan_out peft loraplus_lr_ratio relora unfrozen_parameters
     lisa_n_layers lisa_step_interval reinit_weights`,
    only([], plainLora),
  ),
  ["peft_layers_to_transform", only([], "every layer gets an adapter")],
  ["peft_init_lora_weights", only([true], "A starts random and B at zero, PEFT's default")],
  ...each("load_in_8bit load_in_4bit gptq qat quantization", only([], weightFormat)),
  ["optimizer", adamW()],
  ...each("optim_args optim_target_modules", only([], "Anneal trains with AdamW")),
  ...each(
    `lr_scheduler_kwargs lr_quadratic_warmup cosine_min_lr_ratio cosine_constant_lr_ratio
     lr_div_factor lr_groups jagged_restart_steps embedding_lr embedding_lr_scale`,
    only([], "one rate rises, then falls to zero by a line or a cosine, or stays"),
  ),
  ["neftune_noise_alpha", only([], "Anneal adds no noise to embeddings")],
  ["noisy_embedding_alpha", only([], "Anneal adds no noise to embeddings")],
  ...each("rl reward_model process_reward_model pretraining_dataset ebft", only([], completions)),
  ["group_by_length", only([], "rows come shuffled, or in the file's order")],
  ["excess_length_strategy", only(["truncate"], "longer rows are cut on the right and counted")],
  ["batch_size", only([], "rows a step are micro_batch_size times gradient_accumulation_steps")],
  ["min_sample_len", only([], "short rows are trained too")],
  ["dataset_exact_deduplication", only([], "equal rows are trained as often as they stand there")],
  ["dataloader_drop_last", only([], "an epoch trains every row")],
  ...each("test_datasets", only([], "files named valid, dev or eval are held out")),
  ["chat_template", only(["tokenizer_default"], ownTokenizer)],
  ...each(
    `chat_template_jinja chat_template_kwargs special_tokens tokens added_tokens_overrides
     eot_tokens tokenizer_config`,
    only([], ownTokenizer),
  ),
  ...each("use_eaft use_pose", only([], "the loss is cross-entropy")),
];

const harmless: [string, KeyRule][] = [
  ...each(
    `base_model base_model_config type_of_model model_type cls_model_config trust_remote_code
     revision_of_model overrides_of_model_config overrides_of_model_kwargs strict
     is_llama_derived_model is_mistral_derived_model is_qwen_derived_model is_falcon_derived_model`,
    unused("the model is chosen under Model"),
  ),
  ...each(
    `datasets dataset_prepared_path dataset_processes dataset_num_proc dataset_keep_in_memory
     shuffle_merged_datasets remove_unused_columns skip_prepare_dataset`,
    unused("data, and which of their parts are trained, are chosen under Data"),
  ),
  ...each("evals_per_epoch saves_per_epoch", unused("Anneal counts steps")),
  ...each("eval_strategy evaluation_strategy save_strategy", unused("Anneal counts steps")),
  ...each(
    "eval_batch_size eval_sample_packing eval_sequence_len do_causal_lm_eval eval_table_size",
    unused("held-out rows are measured at the start, every eval steps and at the end"),
  ),
  ...each(
    `output_dir resume_from_checkpoint auto_resume_from_checkpoints save_safetensors save_first_step
     save_only_model load_best_model_at_end early_stopping_patience metric_for_best_model
     greater_is_better plugins merge_lora merge_method debug hf_use_auth_token
     push_dataset_to_hub profiler_steps include_tokens_per_second include_tkps`,
    unused(keptHere),
  ),
  ...each(
    `bf16 fp16 fp8 tf32 bfloat16 float16 float32 xformers_attention sdp_attention flex_attention
     flash_attention sage_attention eager_attention attn_implementation torch_compile
     pad_to_sequence_len auto_find_batch_size lora_on_cpu lora_mlp_kernel lora_qkv_kernel
     lora_o_kernel lora_embedding_kernel chunked_cross_entropy tiled_mlp activation_offloading
     layer_offloading low_cpu_mem_usage max_memory gpu_memory_limit gc_steps
     torch_empty_cache_steps peft_autocast_adapter_dtype qlora_sharded_model_loading
     bnb_config_kwargs s2_attention flash_attn_cross_entropy use_kernels`,
    unused(deviceMemory),
  ),
  ...each(
    `deepspeed fsdp fsdp_config fsdp_version fsdp_final_state_dict_type ddp device device_map
     world_size local_rank sequence_parallel_degree context_parallel_size tensor_parallel_size
     dp_shard_size dp_replicate_size accelerator_config`,
    unused(ownDistribution),
  ),
];

export const axolotl: Tool = {
  name: "Axolotl",
  rules: new Map([...harmless, ...changing, ...reading]),
  flat: [],
  nested: [],
  unusedPrefixes: {
    ...prefixes(
      "wandb_ use_wandb mlflow_ use_mlflow comet_ use_comet trackio_ use_trackio",
      keptHere,
    ),
    ...prefixes("use_otel otel_ use_tensorboard gradio_ logging_ hub_ generation_", keptHere),
    ...prefixes("tokenizer_ processor_ sample_packing_ multipack_", deviceMemory),
    ...prefixes("gradient_checkpointing selective_checkpointing torch_compile_", deviceMemory),
    ...prefixes("ddp_ ray_ use_ray", ownDistribution),
    dataloader_: "data are chosen under Data",
  },
};

function prefixes(names: string, reason: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, reason]));
}

function modulesOf(...[value, file]: Given): Outcome {
  return file.get("lora_target_linear") === true ? { kind: "same" } : toModules().read(value, file);
}

/** A recipe without target modules has all of the model. */
function allLinear(value: unknown): Outcome {
  return value === true ? { kind: "sets", options: {} } : { kind: "same" };
}

/** A share of the rows, or their number from 1 on. */
function heldOut(given: unknown): Outcome {
  const value = plain(given);
  if (typeof value === "number" && value > 0 && value < 1) {
    return { kind: "differs", reason: "a share; Anneal holds out a number of rows" };
  }
  return value === null ? { kind: "same" } : { kind: "sets", options: { heldOutRows: value } };
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}
