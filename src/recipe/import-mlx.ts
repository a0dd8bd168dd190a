// Recipes in the words of mlx-lm: the YAML of `mlx_lm.lora --config` and the adapter_config.json
// that it writes. Source: mlx-lm 0.32.2, lora.py and tuner/.
import {
  each,
  isOff,
  only,
  plain,
  rule,
  to,
  toModules,
  unused,
  type Given,
  type KeyRule,
  type Outcome,
  type Tool,
} from "./import-table.ts";

const plainLora = "Anneal trains plain LoRA";

const reading: [string, KeyRule][] = [
  ["lora_parameters.rank", to("rank")],
  ["lora_parameters.dropout", to("dropout")],
  ["lora_parameters.keys", toModules()],
  ["lora_parameters.scale", rule(["alpha"], alphaOf)],
  ["batch_size", to("batchSize")],
  ["grad_accumulation_steps", to("gradientAccumulationSteps")],
  ["learning_rate", rule(["learningRate"], rateOf)],
  ["lr_schedule", rule(["schedule", "learningRate", "warmupSteps"], scheduleOf)],
  ["iters", rule(["maxSteps"], (...given) => stepsOf("maxSteps", ...given))],
  ["steps_per_eval", rule(["evalSteps"], (...given) => stepsOf("evalSteps", ...given))],
  ["save_every", rule(["saveSteps"], (...given) => stepsOf("saveSteps", ...given))],
  ["max_seq_length", to("maxLength")],
  ["mask_prompt", to("completionOnly")],
  ["seed", to("seed")],
  ["optimizer_config", rule(["beta1", "beta2", "epsilon", "weightDecay"], optimizerOf)],
];

const others: [string, KeyRule][] = [
  ["lora_parameters.alpha", only([], "mlx-lm reads scale, which is alpha / rank")],
  ["fine_tune_type", only(["lora"], plainLora)],
  ["training_mode", only(["normal"], "Anneal trains on completions")],
  ["use_dora", only([], plainLora)],
  ["optimizer", only(["adam", "adamw"], "Anneal trains with AdamW")],
  ["num_layers", only([-1], "every layer gets an adapter")],
  ["lora_layers", only([-1], "every layer gets an adapter")],
  ["resume_adapter_file", only([], "a run starts from a PEFT adapter: Start from an adapter")],
  ...each("model trust_remote_code", unused("the model is chosen under Model")),
  ...each("data hf_dataset", unused("data are chosen under Data")),
  ...each(
    "train test test_batches val_batches",
    unused("a run measures all held-out rows and has no test"),
  ),
  ...each(
    "steps_per_report report_to project_name wandb adapter_path config",
    unused("every step is logged, and runs are kept in this browser"),
  ),
  ...each("grad_checkpoint clear_cache_threshold", unused("memory is planned for this device")),
];

export const mlx: Tool = {
  name: "mlx-lm",
  rules: new Map([...others, ...reading]),
  flat: [],
  nested: ["lora_parameters"],
  unusedPrefixes: {},
};

/** mlx-lm scales by `scale`, Anneal by alpha / rank. */
function alphaOf(...[value, file]: Given): Outcome {
  const [scale, rank] = [value, file.get("lora_parameters.rank")].map(plain);
  return typeof scale === "number" && typeof rank === "number"
    ? { kind: "sets", options: { alpha: scale * rank } }
    : { kind: "fault", reason: "needs rank beside it, for alpha is scale times rank" };
}

/** An iteration is a micro-batch, a step of Anneal's an update. */
function stepsOf(option: "maxSteps" | "evalSteps" | "saveSteps", ...[value, file]: Given): Outcome {
  const [iterations, perStep] = [value, file.get("grad_accumulation_steps") ?? 1].map(plain);
  const isWhole = typeof iterations === "number" && typeof perStep === "number" && perStep >= 1;
  const steps = isWhole
    ? Math.max(iterations > 0 ? 1 : 0, Math.floor(iterations / perStep))
    : value;
  return value === null ? { kind: "same" } : { kind: "sets", options: { [option]: steps } };
}

/** A schedule brings its own rate; without one mlx-lm keeps the rate constant. */
function rateOf(...[value, file]: Given): Outcome {
  return value === null || !isOff(file.get("lr_schedule") ?? null)
    ? { kind: "same" }
    : { kind: "sets", options: { learningRate: plain(value) } };
}

function scheduleOf(...[value, file]: Given): Outcome {
  if (value === null) {
    return { kind: "sets", options: { schedule: "constant", warmupSteps: 0 } };
  }
  const { name, arguments: given, warmup = 0, warmup_init: begin = 0 } = fieldsOf(value);
  const schedule = { cosine_decay: "cosine", linear_schedule: "linear" }[String(name)];
  if (schedule === undefined || !Array.isArray(given)) {
    const reason = "must be cosine_decay or linear_schedule with its list of arguments";
    return { kind: "fault", reason };
  }
  const numbers = given.map(plain);
  const [rate, end] =
    schedule === "cosine" ? [numbers[0], numbers[2] ?? 0] : [numbers[0], numbers[1]];
  const length = schedule === "cosine" ? numbers[1] : numbers[2];
  return {
    kind: "sets",
    options: { learningRate: rate, schedule, warmupSteps: plain(warmup) },
    ...(plain(begin) === 0 && reachesZero(end, length, plain(warmup), file)
      ? {}
      : { but: "here the rate rises from zero, and falls to zero at the last step" }),
  };
}

/** Whether the schedule ends where Anneal's does. The length counts updates. */
function reachesZero(end: unknown, length: unknown, warmup: unknown, file: Given[1]): boolean {
  const steps = stepsOf("maxSteps", file.get("iters") ?? null, file);
  const wanted = steps.kind === "sets" ? steps.options.maxSteps : undefined;
  return end === 0 && typeof length === "number" && length + Number(warmup) === wanted;
}

/** Settings of the optimizer that is used. */
function optimizerOf(...[value, file]: Given): Outcome {
  const name = file.get("optimizer");
  const settings = fieldsOf(fieldsOf(value)[typeof name === "string" ? name : "adam"] ?? null);
  const { betas, eps, weight_decay: weightDecay, bias_correction: corrected, ...more } = settings;
  const [beta1, beta2] = Array.isArray(betas) ? (betas as unknown[]).map(plain) : [];
  const given = Object.entries({
    beta1,
    beta2,
    epsilon: plain(eps),
    weightDecay: plain(weightDecay),
  });
  const unread = Object.keys(more);
  const but = [
    ...(corrected === false ? ["moments are corrected for their start (bias_correction)"] : []),
    ...(unread.length > 0 ? [`Anneal has no ${unread.join(", ")}`] : []),
  ];
  return Object.keys(settings).length === 0
    ? { kind: "same" }
    : {
        kind: "sets",
        options: Object.fromEntries(given.filter(([, number]) => number !== undefined)),
        ...(but.length > 0 ? { but: but.join("; ") } : {}),
      };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
