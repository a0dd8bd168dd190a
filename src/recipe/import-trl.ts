// Recipes in the words of TRL and PEFT: SFTConfig with the TrainingArguments of transformers, a
// LoraConfig as in adapter_config.json, and the arguments of `trl sft`. Source: trl 1.16.0,
// transformers 5.24.0, peft 0.21.2; older names where they are in use.
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
  type OptionName,
  type Outcome,
  type Reader,
  type Tool,
} from "./import-table.ts";
import { options } from "./options.ts";
import type { RecipeOption } from "./option.ts";

/** Options whose key has the same meaning, by the names that the table of options gives. */
function ownNames(): [string, KeyRule][] {
  return Object.entries(options).flatMap(([name, option]: [string, RecipeOption]) => {
    const key = option.peft ?? option.trl;
    return key === undefined ? [] : [[key, to(name as OptionName)]];
  });
}

const plainLora = "Anneal trains plain LoRA";
const ownTokenizer = "the model's tokenizer and chat template are used as they are";
const weightFormat = "the format of the frozen weights (q8, q4, nf4) is chosen with the model";
const ownDistribution = "one device trains";

const changing: [string, KeyRule][] = [
  ["peft_type", mustBe("LORA")],
  ["task_type", mustBe("CAUSAL_LM")],
  ["lora_task_type", mustBe("CAUSAL_LM")],
  ["use_peft", rule([], isTrue("Anneal trains LoRA only"))],
  ["use_rslora", rule([], sameScaling)],
  ...each(
    `use_dora use_qalora use_bdlora lora_bias modules_to_save lora_modules_to_save rank_pattern
     alpha_pattern exclude_modules target_parameters lora_target_parameters layer_replication
     trainable_token_indices loftq_config eva_config corda_config lora_ga_config velora_config
     monteclora_config alora_invocation_tokens arrow_config kasa_config megatron_config
     ensure_weight_tying fan_in_fan_out`,
    only([], plainLora),
  ),
  ["bias", only(["none"], plainLora)],
  ["layers_to_transform", only([], "every layer gets an adapter")],
  ["init_lora_weights", only([true], "A starts random and B at zero, PEFT's default")],
  ...each(
    "load_in_4bit load_in_8bit use_bnb_nested_quant quantization_config",
    only([], weightFormat),
  ),
  ["optim", adamW()],
  ["optim_args", only([], "Anneal trains with AdamW")],
  ["optim_target_modules", only([], "Anneal trains with AdamW")],
  ["lr_scheduler_kwargs", only([], "schedules have no more settings here")],
  ["neftune_noise_alpha", only([], "Anneal adds no noise to embeddings")],
  ["loss_type", only(["nll"], "the loss is cross-entropy")],
  ["truncation_mode", only(["keep_start"], "rows are cut on the right")],
  ["packing_strategy", only(["bfd"], "packed rows do not see one another")],
  ["group_by_length", only([], "rows come shuffled, or in the file's order")],
  ["dataloader_drop_last", only([], "an epoch trains every row")],
  ["eos_token", only(["<EOS_TOKEN>"], ownTokenizer)],
  ["pad_token", unused(ownTokenizer)],
  ["chat_template_path", only([], ownTokenizer)],
  ["router_aux_loss_coef", only([], "the loss is cross-entropy")],
];

const reading: [string, KeyRule][] = [
  ["lora_r", to("rank")],
  ["lora_dropout", to("dropout")],
  ["lora_target_modules", toModules()],
  ["target_modules", toModules()],
  ["num_train_epochs", to("epochs")],
  ["max_steps", toMaxSteps()],
  ["max_length", rule(["maxLength"], longest)],
  ["max_seq_length", rule(["maxLength"], longest)],
  ...scheduleRules("lr_scheduler_type"),
  ["completion_only_loss", rule(["completionOnly"], completionLoss)],
  ["assistant_only_loss", rule(["completionOnly"], assistantLoss)],
  ["train_sampling_strategy", rule(["shuffle"], sampling)],
  ["eval_steps", unlessStrategy("eval_strategy", toSteps("evalSteps"))],
  ["save_steps", unlessStrategy("save_strategy", toSteps("saveSteps"))],
  ["eval_strategy", strategy("evalSteps")],
  ["evaluation_strategy", strategy("evalSteps")],
  ["save_strategy", strategy("saveSteps")],
];

const harmless: [string, KeyRule][] = [
  ...each(
    `model_name_or_path base_model_name_or_path revision model_revision dtype torch_dtype
     attn_implementation trust_remote_code model_init_kwargs`,
    unused("the model is chosen under Model"),
  ),
  ...each(
    `dataset_text_field dataset_kwargs dataset_num_proc shuffle_dataset remove_unused_columns
     label_names length_column_name data_seed`,
    unused("data are chosen under Data"),
  ),
  ...each(
    `output_dir overwrite_output_dir run_name project report_to logging_dir disable_tqdm debug
     skip_memory_metrics include_num_input_tokens_seen include_for_metrics prediction_loss_only
     batch_eval_metrics full_determinism`,
    unused("every step is logged, on the page and in trainer_state.json"),
  ),
  ...each(
    `save_only_model save_on_each_node enable_jit_checkpoint push_to_hub resume_from_checkpoint
     load_best_model_at_end metric_for_best_model greater_is_better ignore_data_skip
     restore_callback_states_from_checkpoint`,
    unused("runs are kept in this browser, the best checkpoint among them"),
  ),
  ...each(
    `per_device_eval_batch_size eval_delay eval_on_start eval_do_concat_batches eval_packing
     eval_use_gather_object eval_accumulation_steps do_train do_eval do_predict`,
    unused("held-out rows are measured at the start, every eval steps and at the end"),
  ),
  ...each(
    `bf16 fp16 tf32 bf16_full_eval fp16_full_eval gradient_checkpointing use_gradient_checkpointing
     gradient_checkpointing_kwargs activation_checkpointing activation_checkpointing_kwargs
     activation_offloading use_liger_kernel liger_kernel_config use_cache torch_empty_cache_steps
     auto_find_batch_size padding_free pad_to_multiple_of use_cpu ignore_bias_buffers
     bnb_4bit_quant_type bnb_4bit_quant_storage bnb_4bit_compute_dtype`,
    unused("number formats and memory are planned for this device"),
  ),
  ...each(
    `fsdp fsdp_config deepspeed accelerator_config parallelism_config local_rank
     average_tokens_across_devices`,
    unused(ownDistribution),
  ),
  ...each(
    `auto_mapping peft_version inference_mode layers_pattern megatron_core qalora_group_size`,
    unused("no part of training"),
  ),
];

export const trl: Tool = {
  name: "TRL and PEFT",
  rules: new Map([...harmless, ...ownNames(), ...changing, ...reading]),
  flat: ["peft_config", "lora_config", "training_args", "training_arguments", "sft_config"],
  nested: [],
  unusedPrefixes: {
    logging_: "every step is logged, on the page and in trainer_state.json",
    log_: "every step is logged, on the page and in trainer_state.json",
    hub_: "nothing is uploaded",
    trackio_: "nothing is uploaded",
    dataset_: "data are chosen under Data",
    dataloader_: "data are chosen under Data",
    torch_compile: "number formats and memory are planned for this device",
    ddp_: ownDistribution,
  },
};

/** A file for another kind of training has the same keys with another meaning. */
function mustBe(wanted: string): KeyRule {
  return rule([], (value) =>
    value === wanted || value === null || value === ""
      ? { kind: "same" }
      : { kind: "fault", reason: `must be ${wanted}` },
  );
}

function isTrue(reason: string): Reader {
  return (value) => (value === false ? { kind: "differs", reason } : { kind: "same" });
}

/** rsLoRA scales by alpha / sqrt(r), which plain LoRA does with a larger alpha. */
function sameScaling(...[value, file]: Given): Outcome {
  const [rank, alpha] = [file.get("r") ?? file.get("lora_r"), file.get("lora_alpha")].map(plain);
  const equal =
    typeof rank === "number" && typeof alpha === "number"
      ? `; alpha ${Number((alpha * Math.sqrt(rank)).toPrecision(4))} scales the same`
      : "";
  return value === true ? { kind: "differs", reason: `${plainLora}${equal}` } : { kind: "same" };
}

/** TRL cuts nothing where it is null. */
function longest(value: unknown): Outcome {
  return value === null
    ? { kind: "differs", reason: "rows are cut at max length, which no recipe leaves out" }
    : { kind: "sets", options: { maxLength: plain(value) } };
}

/** Anneal has one option for prompts of pairs and for chats, TRL one for each. */
function completionLoss(...[value, file]: Given): Outcome {
  if (value === false && file.get("assistant_only_loss") === true) {
    const reason = "is false and assistant_only_loss true, and Anneal has one option for both";
    return { kind: "fault", reason };
  }
  return value === null ? { kind: "same" } : { kind: "sets", options: { completionOnly: value } };
}

function assistantLoss(...[value, file]: Given): Outcome {
  if (value === null) {
    return { kind: "same" };
  }
  return value === false && file.get("completion_only_loss") !== false
    ? {
        kind: "differs",
        reason: "of chats the answers are trained; completion only off trains all",
      }
    : { kind: "sets", options: { completionOnly: value } };
}

function sampling(value: unknown): Outcome {
  switch (value) {
    case null:
      return { kind: "same" };
    case "random":
      return { kind: "sets", options: { shuffle: true } };
    case "sequential":
      return { kind: "sets", options: { shuffle: false } };
    default:
      return { kind: "differs", reason: "rows come shuffled, or in the file's order" };
  }
}

/** Steps count only with the strategy "steps", or where none is named. */
function unlessStrategy(key: string, steps: KeyRule): KeyRule {
  return rule(steps.options, (value, file) => {
    const chosen = file.get(key) ?? "steps";
    return chosen === "steps" ? steps.read(value, file) : { kind: "same" };
  });
}

function strategy(option: "evalSteps" | "saveSteps"): KeyRule {
  return rule([option], (value) => {
    switch (value) {
      case null:
      case "steps":
        return { kind: "same" };
      case "no":
      case false: // YAML's "no" in PyYAML
        return { kind: "sets", options: { [option]: 0 } };
      default:
        return { kind: "unused", reason: "Anneal counts steps" };
    }
  });
}
