// The script of the bundle: goes on from the checkpoint with Anneal's tokens in Anneal's order, on
// any number of devices. tests/interop/trainer runs it.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import {
  argumentLines,
  pythonLiteral,
  saveArguments,
  stepArguments,
} from "../transformers/arguments.ts";
import { checkpointFolder } from "../transformers/format.ts";
import { baseLines } from "./same-run.ts";

/** Early stopping goes on counting where Anneal stopped. */
const stopping = {
  ...{ metric_for_best_model: "eval_loss", greater_is_better: false },
  restore_callback_states_from_checkpoint: true,
};

export function continueScript(run: RunState, hasHeldOut: boolean): string {
  const { recipe, trainer } = run;
  const stopsEarly = hasHeldOut && recipe.evalSteps > 0 && recipe.earlyStoppingPatience > 0;
  const classes = ["AutoModelForCausalLM", "AutoTokenizer"];
  const folder = pythonLiteral(checkpointFolder(run));
  const [steps = {}, ...others] = stepArguments(recipe, trainer.totalSteps);
  return `"""Goes on with a run of Anneal after step ${trainer.step}: the same rows in the same steps, on one device or many.

    pip install -r requirements.txt
    accelerate launch --config_file accelerate/one.yaml train.py
    torchrun --nproc-per-node 2 train.py
"""

import json
import os

import torch
from datasets import load_dataset
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import ${[...classes, ...(stopsEarly ? ["EarlyStoppingCallback"] : [])].join(", ")}
from trl import SFTConfig, SFTTrainer

CHECKPOINT = ${folder}
${baseLines(run)}
model = PeftModel.from_pretrained(model, CHECKPOINT, is_trainable=True)

# Rows as tokens; labels are -100 where nothing is trained.
train = load_dataset("json", data_files="data/train-tokens.jsonl", split="train")
${hasHeldOut ? 'heldout = load_dataset("json", data_files="data/heldout-tokens.jsonl", split="train")\n' : ""}empty = len(train)  # a row without a trained token fills a step that has too few
train = train.add_item({"input_ids": [0, 0], "labels": [-100, -100]})
with open("data/steps.json") as file:
    steps = json.load(file)  # the rows of each optimizer step, by their numbers in train

# The devices share the micro-batches of a step.
devices = int(os.environ.get("WORLD_SIZE", 1))
accumulation = -(-${recipe.gradientAccumulationSteps} // devices)


class StepBatches:
    """Deals the rows of each step to the micro-batches of all devices."""

    def __init__(self, parts):
        self.parts = parts

    def __len__(self):
        return len(steps) * self.parts

    def __iter__(self):
        for rows in steps:
            for part in range(self.parts):
                yield rows[part :: self.parts] or [empty]


class OrderedTrainer(SFTTrainer):
    def get_train_dataloader(self):
        batches = StepBatches(accumulation * devices)
        return self.accelerator.prepare(
            DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)
        )


args = SFTConfig(
    output_dir="out",
${argumentLines([
  { ...steps, gradient_accumulation_steps: { code: "accumulation" } },
  ...others,
  {
    ...(recipe.packing ? { padding_free: true, max_length: { code: "None" } } : {}),
    dataset_kwargs: { code: '{"skip_prepare_dataset": True}' },
    accelerator_config: { code: '{"even_batches": False}' },
    // Without it, processes on CPUs do not find one another.
    use_cpu: { code: "not torch.accelerator.is_available()" },
  },
  saveArguments(recipe, hasHeldOut),
  stopsEarly ? stopping : {},
])}
)
trainer = OrderedTrainer(
    model=model,
    args=args,
    processing_class=tokenizer,
    train_dataset=train,
${hasHeldOut ? "    eval_dataset=heldout,\n" : ""}${stopsEarly ? `    callbacks=[EarlyStoppingCallback(${recipe.earlyStoppingPatience})],\n` : ""})
trainer.train(resume_from_checkpoint=CHECKPOINT)
${hasHeldOut ? "print(trainer.evaluate())\n" : ""}trainer.save_model("adapter")
`;
}
