// "The same run in Python": a script of TRL and PEFT for the recipe, with the rows as text, to be
// read and changed. It starts anew; the bundle (format.ts) goes on from a checkpoint.
// tests/interop/trainer runs it.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { baseNameOf, baseRevisionOf } from "../base-name.ts";
import { textFile, type AdapterBytes, type RunRows } from "../format.ts";
import {
  argumentLines,
  pythonLiteral,
  saveArguments,
  stepArguments,
  withoutCounterpart,
  type ArgumentGroup,
} from "../transformers/arguments.ts";
import { modulesOf } from "../modules.ts";
import { requirementsText } from "./requirements.ts";
import { textRows, type RowKind } from "./text-rows.ts";

/**
 * The files: script, rows, requirements.
 * @param run before its first step, or later
 */
export async function sameRunFiles(run: RunState, rows: RunRows): Promise<AdapterBytes[]> {
  const { kind, train, heldOut, words } = await textRows(rows, run.recipe);
  const hasHeldOut = heldOut !== "";
  return [
    textFile("train.py", sameRunScript(run, kind, hasHeldOut, words)),
    textFile("requirements.txt", requirementsText),
    textFile("data/train.jsonl", train),
    ...(hasHeldOut ? [textFile("data/heldout.jsonl", heldOut)] : []),
  ];
}

/** @param words what TRL makes of the rows otherwise */
export function sameRunScript(
  run: RunState,
  kind: RowKind,
  hasHeldOut: boolean,
  words: readonly string[],
): string {
  const { recipe } = run;
  const stopsEarly = hasHeldOut && recipe.evalSteps > 0 && recipe.earlyStoppingPatience > 0;
  const classes = ["AutoModelForCausalLM", "AutoTokenizer"];
  return `"""Trains the adapter of an Anneal recipe with TRL and PEFT.

    pip install -r requirements.txt
    python train.py

What differs from the run in Anneal:
${differences(run, words)
  .map((line) => `- ${line}`)
  .join("\n")}
"""

from datasets import load_dataset
from peft import LoraConfig
from transformers import ${[...classes, ...(stopsEarly ? ["EarlyStoppingCallback"] : [])].join(", ")}
from trl import SFTConfig, SFTTrainer

${baseLines(run)}

train = load_dataset("json", data_files="data/train.jsonl", split="train")
${hasHeldOut ? 'heldout = load_dataset("json", data_files="data/heldout.jsonl", split="train")\n' : ""}
lora = LoraConfig(
${argumentLines([loraArguments(run)])}
)
args = SFTConfig(
    output_dir="out",
${argumentLines([
  ...stepArguments(recipe, null),
  dataArguments(recipe, kind),
  saveArguments(recipe, hasHeldOut),
  stopsEarly ? { metric_for_best_model: "eval_loss", greater_is_better: false } : {},
])}
)
trainer = SFTTrainer(
    model=model,
    args=args,
    processing_class=tokenizer,
    train_dataset=train,
${hasHeldOut ? "    eval_dataset=heldout,\n" : ""}    peft_config=lora,
${stopsEarly ? `    callbacks=[EarlyStoppingCallback(${recipe.earlyStoppingPatience})],\n` : ""})
trainer.train()
${hasHeldOut ? "print(trainer.evaluate())\n" : ""}trainer.save_model("adapter")
`;
}

/** The base model and its tokenizer. */
export function baseLines({ base }: RunState): string {
  const commit = baseRevisionOf(base);
  const revision = commit === null ? "" : `, revision=${pythonLiteral(commit)}`;
  return `BASE = ${pythonLiteral(baseNameOf(base) ?? "path/to/base-model")}  # its name on the Hub, or its folder
model = AutoModelForCausalLM.from_pretrained(BASE${revision}, dtype="float32")  # or "bfloat16"
tokenizer = AutoTokenizer.from_pretrained(BASE${revision})`;
}

/** The LoraConfig; modules that the model lacks are left out. */
function loraArguments(run: RunState): ArgumentGroup {
  const { rank, alpha, dropout } = run.recipe;
  return {
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: modulesOf(run).trained,
    task_type: "CAUSAL_LM",
  };
}

function dataArguments(recipe: Recipe, kind: RowKind): ArgumentGroup {
  return {
    max_length: recipe.maxLength,
    packing: recipe.packing,
    ...(kind === "completion" ? { completion_only_loss: recipe.completionOnly } : {}),
    ...(kind === "messages" ? { assistant_only_loss: recipe.completionOnly } : {}),
    ...(recipe.shuffle ? {} : { train_sampling_strategy: "sequential" }),
  };
}

function differences(run: RunState, words: readonly string[]): string[] {
  const { recipe } = run;
  return [
    `PyTorch draws the start of A${recipe.shuffle ? " and the order of rows" : ""}: losses agree on the whole, not step by step.`,
    ...(recipe.packing ? ["TRL packs rows by length, best fit, over the whole data."] : []),
    ...withoutCounterpart(run),
    ...words,
  ];
}
