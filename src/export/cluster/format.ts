// The bundle for a cluster: checkpoint, rows as tokens and as text, scripts, configurations.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { BaseModel } from "../../model/open.ts";
import { UserError } from "../../util/errors.ts";
import { baseNameOf } from "../base-name.ts";
import { textFile, type AdapterBytes, type ExportFormat, type WriteOptions } from "../format.ts";
import { sharedNotes } from "../shared-notes.ts";
import { withoutCounterpart } from "../transformers/arguments.ts";
import { checkpointFiles, checkpointFolder, endNotes } from "../transformers/format.ts";
import { namedOptimizerState } from "../transformers/optimizer.ts";
import { torchFile } from "../transformers/torch-file.ts";
import { accelerateConfigs } from "./configs.ts";
import { continueScript } from "./continue-script.ts";
import { requirementsText } from "./requirements.ts";
import { sameRunScript } from "./same-run.ts";
import { textRows } from "./text-rows.ts";
import { stepsJson, tokenLines } from "./token-rows.ts";

/** A run that has outgrown the tab, to go on under torchrun or accelerate. */
export const clusterFormat: ExportFormat = {
  name: "cluster",
  label: "Cluster",
  valueTypes: ["F32"],
  notes: (run, model) => {
    refuseNoModel(model);
    return [
      ...sharedNotes(run),
      "Checkpoint, rows and a script of TRL and PEFT: one GPU, several (DDP), or a model spread over them (FSDP).",
      "It trains the same rows in the same steps, on any number of devices.",
      "Your rows are in it, as text and as tokens.",
      ...ownNotes(run),
    ];
  },
  files: async (run, options) => {
    refuseNoModel(options.model);
    return await bundleFiles(run, options);
  },
};

async function bundleFiles(run: RunState, options: WriteOptions): Promise<AdapterBytes[]> {
  const { recipe, trainer } = run;
  const rows = await rowsOf(options);
  const { kind, train, heldOut, words } = await textRows(rows, recipe);
  const hasHeldOut = rows.dataset.heldOut.length > 0;
  const named = await torchFile("optimizer.bin", namedOptimizerState(run));
  options.signal.throwIfAborted();
  return [
    textFile("README.md", readme(run, words)),
    textFile("train.py", continueScript(run, hasHeldOut)),
    textFile("from_text.py", sameRunScript(run, kind, hasHeldOut, words)),
    textFile("requirements.txt", requirementsText),
    textFile("recipe.json", `${JSON.stringify(recipe, null, 2)}\n`),
    ...accelerateConfigs(),
    ...(await checkpointFiles(run, options)),
    { name: `${checkpointFolder(run)}/optimizer.bin`, bytes: named.bytes },
    textFile("data/train-tokens.jsonl", tokenLines(rows.dataset.train)),
    textFile("data/steps.json", stepsJson(rows, recipe, trainer.totalSteps)),
    textFile("data/train.jsonl", train),
    ...(hasHeldOut
      ? [
          textFile("data/heldout-tokens.jsonl", tokenLines(rows.dataset.heldOut)),
          textFile("data/heldout.jsonl", heldOut),
        ]
      : []),
  ];
}

/** Rows become tokens by the model's tokenizer. */
function refuseNoModel(model: BaseModel | null): void {
  if (model === null) {
    throw new UserError("missing-file", "A bundle needs the base model, which is not loaded.", {
      remedy: "Load the model of this run under Model.",
    });
  }
}

async function rowsOf({ rows, signal }: WriteOptions) {
  if (rows === undefined) {
    throw new UserError("wrong-data", "The rows of this run are not at hand.", {
      remedy: "Choose the data of this run under Data.",
    });
  }
  return await rows(signal);
}

function ownNotes(run: RunState): string[] {
  return [...withoutCounterpart(run), ...endNotes(run)];
}

function readme(run: RunState, words: readonly string[]): string {
  const { trainer } = run;
  const base = baseNameOf(run.base);
  const folder = checkpointFolder(run);
  const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");
  const notes = ownNotes(run);
  return `# A run of Anneal, to go on elsewhere

${trainer.step} of ${trainer.totalSteps} steps are made. \`train.py\` makes the others, with the same rows in each step.

\`\`\`sh
pip install -r requirements.txt
accelerate launch --config_file accelerate/one.yaml train.py   # one device
accelerate launch --config_file accelerate/ddp.yaml train.py   # num_processes GPUs
accelerate launch --config_file accelerate/fsdp.yaml train.py  # the model spread over them
torchrun --nproc-per-node 2 train.py                           # as ddp.yaml
\`\`\`
${
  base === null
    ? `
The bundle does not name its base model: write its name on the Hub, or its folder, as \`BASE\` into both scripts.
`
    : ""
}
- \`${folder}/\`: adapter, AdamW's moments, schedule, log. \`optimizer.bin\` has the moments by name, for FSDP.
- \`data/\`: training and held-out rows as tokens with labels, and as text. \`steps.json\` has the rows of each step.
- \`from_text.py\`: the same recipe from the start, on the text, by TRL's own means.
- \`recipe.json\`: the options in Anneal's words.

The losses of one and of two processes on CPUs equal Anneal's in its tests. FSDP needs GPUs and is not tested there: compare the first losses
with the last in \`${folder}/trainer_state.json\`.
${notes.length + words.length === 0 ? "" : `\n## What differs from Anneal\n\n${list([...notes, ...words.map((each) => `In \`from_text.py\`: ${each}`)])}\n`}`;
}
