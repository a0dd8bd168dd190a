// The checkpoint of transformers' Trainer: what it keeps, its files and its card.
// tests/interop/trainer goes on from it.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { BaseModel } from "../../model/open.ts";
import { isTokenizerFile } from "../../model/tokenizer/files.ts";
import { endOf } from "../../train/end.ts";
import { baseNameOf } from "../base-name.ts";
import { textFile, type AdapterBytes, type ExportFormat, type WriteOptions } from "../format.ts";
import { modelCard } from "../model-card.ts";
import { adapterConfigJson, adapterSafetensors } from "../peft/write.ts";
import { sharedNotes } from "../shared-notes.ts";
import { trainerStateJson } from "../trainer-state.ts";
import { argumentLines, saveArguments, stepArguments, withoutCounterpart } from "./arguments.ts";
import { optimizerState, schedulerState } from "./optimizer.ts";
import { torchFile } from "./torch-file.ts";

/** The folder that `Trainer.train(resume_from_checkpoint=...)` goes on from. */
export const trainerFormat: ExportFormat = {
  name: "trainer",
  label: "Trainer",
  valueTypes: ["F32"], // those of the moments
  notes: (run, model) => [
    ...sharedNotes(run),
    "A Trainer, TRL's too, goes on: weights, AdamW's moments, learning rate, step and log.",
    "The rows come in the order of your script. The Trainer skips as many batches as were trained.",
    ...withoutCounterpart(run),
    ...endNotes(run),
    ...tokenizerNotes(model),
  ],
  files: async (run, options) => [
    ...(await checkpointFiles(run, options)),
    textFile(`${checkpointFolder(run)}/README.md`, card(run, options)),
  ],
};

/** As the Trainer names it, which `resume_from_checkpoint=True` looks for. */
export function checkpointFolder({ trainer: { step } }: RunState): string {
  return `checkpoint-${step}`;
}

/**
 * The files that a Trainer reads, in their folder. It needs no rng_state.pth, for Anneal has no
 * random state, and no training_args.bin, which it never reads.
 * @throws as `adapterSafetensors`
 */
export async function checkpointFiles(
  run: RunState,
  options: WriteOptions,
): Promise<AdapterBytes[]> {
  const files = [
    textFile("adapter_config.json", adapterConfigJson(run)),
    { name: "adapter_model.safetensors", bytes: await adapterSafetensors(run, options) },
    await torchFile("optimizer.pt", optimizerState(run)),
    await torchFile("scheduler.pt", schedulerState(run)),
    textFile("trainer_state.json", trainerStateJson(run, true)),
    ...tokenizerFiles(options.model),
  ];
  options.signal.throwIfAborted();
  return files.map(({ name, bytes }) => ({ name: `${checkpointFolder(run)}/${name}`, bytes }));
}

function tokenizerFiles(model: BaseModel | null): AdapterBytes[] {
  return [...(model?.texts ?? [])]
    .filter(([name]) => isTokenizerFile(name))
    .map(([name, text]) => textFile(name, text));
}

function tokenizerNotes(model: BaseModel | null): string[] {
  return tokenizerFiles(model).length > 0
    ? []
    : ["The tokenizer is left out: the model of this run is not loaded."];
}

/** That a run which is over needs more steps to go on. */
export function endNotes({ trainer, recipe }: RunState): string[] {
  return endOf(trainer, recipe) === null
    ? []
    : ["The run is over: to go on, give more steps. The schedule then follows the new number."];
}

function card(run: RunState, options: WriteOptions): string {
  return modelCard(run, {
    library: "peft",
    valueType: options.valueType,
    loading: resumeCode(run),
    baseField: "`base_model_name_or_path` into `adapter_config.json`",
    notes: trainerFormat.notes(run, options.model),
  });
}

function resumeCode(run: RunState): string {
  const { recipe, trainer, data } = run;
  const folder = JSON.stringify(checkpointFolder(run));
  const groups = [
    ...stepArguments(recipe, trainer.totalSteps),
    saveArguments(recipe, data.heldOutLines.length > 0),
  ];
  return `The arguments are those of the recipe; another optimizer cannot take over the moments.

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

base = ${JSON.stringify(baseNameOf(run.base) ?? "path/to/base-model")}  # the base model's name on the Hub, or its folder
model = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
model = PeftModel.from_pretrained(model, ${folder}, is_trainable=True)
args = TrainingArguments(
    output_dir="out",
${argumentLines(groups)}
)
trainer = Trainer(model=model, args=args, train_dataset=rows)  # your rows; or TRL's SFTTrainer
trainer.train(resume_from_checkpoint=${folder})
\`\`\``;
}
