// The model card (README.md) of an adapter: what it is, how to load it, how it was made. It names
// the data set and never quotes it.
import type { RunState } from "../checkpoint/file/run-state.ts";
import { baseNameOf } from "./base-name.ts";
import { textFile, type AdapterBytes } from "./format.ts";
import { trainerStateJson } from "./trainer-state.ts";
import type { OptionTable, RecipeOf, RecipeOption } from "../recipe/option.ts";
import { options } from "../recipe/options.ts";
import { isNumber, showValue } from "../recipe/words.ts";
import type { LogEntry } from "../train/state.ts";
import { formatBytes, formatCount, formatLoss } from "../util/format.ts";

/** Rows of a loss table; the whole log is in trainer_state.json. */
const maxTableRows = 10;

/** What the export format says in the card. */
export interface CardParts {
  /** The Hub's `library_name`. */
  library: string;
  /** Of the written values, e.g. `F16`. */
  valueType: string;
  /** Markdown: code that loads the adapter. */
  loading: string;
  /** What the format keeps, folds or cannot carry. */
  notes: readonly string[];
  /** Where the folder names its base model, in Markdown; left out where it does not. */
  baseField?: string;
  /** Markdown: sections of this format. */
  more?: string;
}

/** The files that every export has: the card, and the log of the run. */
export function cardFiles(run: RunState, parts: CardParts): AdapterBytes[] {
  return [
    textFile("README.md", modelCard(run, parts)),
    textFile("trainer_state.json", trainerStateJson(run)),
  ];
}

/** A Hugging Face model card: YAML front matter, then Markdown. */
export function modelCard(run: RunState, parts: CardParts): string {
  const base = escapeMarkdown(baseNameOf(run.base) ?? run.base.name);
  const parameters = run.adapter.tensors.reduce((sum, { values }) => sum + values.length, 0);
  const { step, totalSteps, log } = run.trainer;
  return `${frontMatter(run, parts.library)}

# LoRA adapter for ${base}

Trained by Anneal, in a browser on WebGPU, on the data set ${escapeMarkdown(run.data.name)}. The adapter has
${formatCount(parameters)} parameters in ${parts.valueType} and works only with its base model, ${base}.

## Load it

${parts.loading}${unnamedBase(run, parts)}
${promptingOf(run)}${endingOf(run)}
## What this folder keeps

${parts.notes.map((note) => `- ${escapeMarkdown(note)}`).join("\n")}

${parts.more === undefined ? "" : `${parts.more}\n`}## Recipe

${table(["Option", "Value", "Unit", "PEFT, TRL"], recipeRows(options, run.recipe))}

## Data

${table(["Fact", "Value"], dataRows(run))}

## Loss

${lossWords(run.data.isWeighted)}, over ${formatCount(step)} of ${formatCount(totalSteps)} steps.
Every step is in \`trainer_state.json\`.

${lossTables(log)}
`;
}

/** YAML front matter. JSON strings are YAML strings, so a name cannot end its field. */
function frontMatter({ base }: RunState, library: string): string {
  const name = baseNameOf(base);
  return [
    "---",
    ...(name === null ? [] : [`base_model: ${JSON.stringify(name)}`]),
    `library_name: ${library}`,
    "pipeline_tag: text-generation",
    "tags:",
    "- lora",
    "- anneal",
    "---",
  ].join("\n");
}

/** What is missing where nobody said which model on the Hub the files are. */
function unnamedBase({ base }: RunState, { baseField }: CardParts): string {
  const above = "as `base_model` above";
  const places = baseField === undefined ? above : `as ${baseField}, and ${above}`;
  return baseNameOf(base) !== null
    ? ""
    : `

The adapter does not name its base model: the files were ${escapeMarkdown(base.name)}, and which model on the Hub they are was not
said. Write its name ${places}.`;
}

/** How the rows gave their prompts: a model answers best when it is asked as it was trained. */
function promptingOf({ data: { promptForm } }: RunState): string {
  if (promptForm === undefined) {
    return "";
  }
  const { isChat, system } = promptForm;
  const first =
    system === "" ? [] : [`    {"role": "system", "content": ${JSON.stringify(system)}},`];
  const code = isChat
    ? [
        "messages = [",
        ...first,
        '    {"role": "user", "content": prompt},',
        "]",
        "inputs = tokenizer.apply_chat_template(",
        '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"',
        ")",
      ]
    : [`inputs = tokenizer(${textPrompt(system)}, return_tensors="pt")  # no chat template`];
  const words = isChat
    ? "The data went through the chat template. Ask likewise:"
    : "The data were text, without the chat template. Ask likewise:";
  return `\n${words}\n\n${["```python", ...code, "```"].join("\n")}\n`;
}

function textPrompt(system: string): string {
  return system === "" ? "prompt" : `${JSON.stringify(`${system}\n\n`)} + prompt`;
}

/** What a program that generates must know: it may stop at the base model's own end token only. */
function endingOf({ data: { answerEnd } }: RunState): string {
  return answerEnd === undefined
    ? ""
    : `\nAnswers end with the token ${escapeMarkdown(answerEnd)}: make it a stop token where you generate.\n`;
}

/** Every option of the table, so that the card says how to train the same adapter again. */
export function recipeRows<Table extends OptionTable>(
  table: Table,
  recipe: Readonly<RecipeOf<Table>>,
): string[][] {
  return Object.entries(table).map(([name, option]) => {
    const value = recipe[name] as RecipeOption["default"];
    const foreign = option.peft ?? option.trl;
    const zero = isNumber(option) && value === 0 ? option.zero : undefined;
    const shown = option.kind === "text" ? escapeMarkdown(showValue(value)) : showValue(value);
    return [
      option.label,
      zero === undefined ? shown : `${shown} (${zero})`,
      (isNumber(option) ? option.unit : undefined) ?? "",
      foreign === undefined ? "" : `\`${foreign}\``,
    ];
  });
}

function dataRows({ data, trainer, startedAt }: RunState): string[][] {
  return [
    ["Name", escapeMarkdown(data.name)],
    ["Size", formatBytes(data.sizeBytes)],
    ["Rows", formatCount(data.rows)],
    ["Rows held out", formatCount(data.heldOutLines.length)],
    ["Tokens seen", formatCount(trainer.tokensSeen)],
    ["SHA-256", `\`${data.sha256}\``],
    ["Run started", new Date(startedAt).toISOString()],
  ];
}

/** Weights are those of docs/numerics.md. */
function lossWords(isWeighted = false): string {
  return isWeighted
    ? "Mean cross-entropy in nats of each row's trained tokens, averaged by the rows' weights: sum(w · mean) / sum |w|"
    : "Mean cross-entropy in nats per trained token";
}

function lossTables(log: readonly LogEntry[]): string {
  const training = lossTable("Training loss", log, ({ loss }) => loss);
  const heldOut = lossTable("Held-out loss", log, ({ heldOutLoss }) => heldOutLoss);
  return [...training, ...heldOut].join("\n\n");
}

/** A table of steps, evenly spread over those that have the loss; none if no step has it. */
function lossTable(
  title: string,
  log: readonly LogEntry[],
  lossOf: (entry: LogEntry) => number | undefined,
): string[] {
  const rows = log.flatMap((entry) => {
    const loss = lossOf(entry);
    return loss === undefined
      ? []
      : [[formatCount(entry.step), entry.epoch.toFixed(2), formatLoss(loss)]];
  });
  return rows.length === 0 ? [] : [table(["Step", "Epoch", title], evenly(rows, maxTableRows))];
}

/** At most `count` of the items, the first and the last among them. */
function evenly<T>(items: readonly T[], count: number): T[] {
  const last = items.length - 1;
  return items.filter((_, i) => {
    const slot = Math.round((i * (count - 1)) / last);
    return items.length <= count || Math.round((slot * last) / (count - 1)) === i;
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map(() => "---");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A name or a text as plain text on one line, with Markdown and HTML escaped. */
function escapeMarkdown(name: string): string {
  return name.replace(/\p{Cc}+/gu, " ").replace(/[\\`*_{}[\]<>()#|~&!]/g, "\\$&");
}
