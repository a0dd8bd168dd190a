// The PEFT folder: what it keeps, its files and its model card.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { baseNameOf, baseRevisionOf } from "../base-name.ts";
import { textFile, type ExportFormat } from "../format.ts";
import { cardFiles } from "../model-card.ts";
import { sharedNotes } from "../shared-notes.ts";
import { floatTypes } from "../values.ts";
import { adapterConfigJson, adapterSafetensors } from "./write.ts";

/** The folder that `PeftModel.from_pretrained` reads, with a model card and the log of the run. */
export const peftFormat: ExportFormat = {
  name: "peft",
  label: "PEFT",
  valueTypes: floatTypes,
  notes: (run) => [...sharedNotes(run), ...servingNotes(run)],
  files: async (run, options) => [
    textFile("adapter_config.json", adapterConfigJson(run)),
    { name: "adapter_model.safetensors", bytes: await adapterSafetensors(run, options) },
    ...cardFiles(run, {
      library: "peft",
      valueType: options.valueType,
      loading: loadingCode(run),
      baseField: "`base_model_name_or_path` into `adapter_config.json`",
      notes: peftFormat.notes(run, options.model),
      more: trainerWords,
    }),
  ],
};

/** What vLLM's --max-lora-rank may be (vLLM 0.33.0, config/lora.py). */
const vllmRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512];
const vllmDefaultRank = 16;

function servingNotes({ recipe: { rank } }: RunState): string[] {
  const allowed = vllmRanks.find((each) => each >= rank);
  return rank > vllmDefaultRank && allowed !== undefined
    ? [`vLLM takes rank ${rank} with --max-lora-rank ${allowed}; without it, up to 16.`]
    : [];
}

function loadingCode({ base }: RunState): string {
  const commit = baseRevisionOf(base);
  const revision = commit === null ? "" : `, revision=${JSON.stringify(commit)}`;
  return [
    "```python",
    "from peft import PeftModel",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    `base = ${JSON.stringify(baseNameOf(base) ?? "path/to/base-model")}  # the base model's name on the Hub, or its folder`,
    `tokenizer = AutoTokenizer.from_pretrained(base${revision})`,
    `model = AutoModelForCausalLM.from_pretrained(base${revision})`,
    'model = PeftModel.from_pretrained(model, ".")  # the folder of this file',
    "```",
  ].join("\n");
}

/** Measured with transformers 5.24 and peft 0.21.2. */
const trainerWords = `## Go on in a Trainer

\`Trainer.train(resume_from_checkpoint=...)\` accepts this folder and takes over the weights, the step, the log and the position in
the data. It does not take over AdamW's moments and the learning rate: the folder does not have them, so the moments start at zero and
the schedule at its first step, without a warning. Anneal's export for a Trainer has them.
`;
