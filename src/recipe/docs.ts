// docs/recipe.md, written from the table of options.
import { optionGroups, type OptionTable, type RecipeOption } from "./option.ts";
import { epochsByRows, mostSteps, presetNames } from "./presets.ts";
import { formatCount } from "../util/format.ts";
import { keysFor, tools } from "./import.ts";
import type { OptionName } from "./import-table.ts";
import { hintOf, isNumber, showValue } from "./words.ts";

const opening = `# Recipe

<!-- Written from src/recipe/ by npm run layers -- --write. -->

A recipe is a JSON or YAML file of options. An option that it leaves out has its default; an unknown option is refused.
The page chooses some options by the size of the model and the data: see [Presets](#presets). Recipes to start from are in
\`examples/recipes/\`. Recipes of TRL, PEFT, Axolotl and mlx-lm [are read too](#recipes-of-other-tools).

The column "PEFT, TRL" has the same option in PEFT's \`LoraConfig\` or in TRL's \`SFTConfig\`, which extends transformers'
\`TrainingArguments\`; \`early_stopping_patience\` is that of transformers' \`EarlyStoppingCallback\`.
`;

const closing = `
## Presets

Quick, Balanced and Thorough follow the model and the data (\`src/recipe/presets.ts\`). An option that is changed by hand, or set by a
recipe file, stays; the others go on following.
A recipe file is read over Balanced. The demo's data on the demo's model have \`demoRecipe\`; for anything else:

- **learning rate**: 5e-3 at a million parameters, a fifth for each tenfold, 2e-4 from a hundred million. Thorough: half.
- **rank**: 8 below ten million parameters, else 16; alpha twice the rank. Quick: half. Thorough: double, dropout 0.05.
- **batch**: 4 rows, of fewer than 13 rows a quarter; 2 micro-batches in a step from 200 rows on.
- **max length**: the longest row rounded up to 64 tokens, at most 1,024 and the model's context. Windows of texts: 1,024.
- **epochs** by the number of rows, and no more steps than the last line says:

`;

const presetHead = ["Rows", ...presetNames];

/** Epochs and steps of the presets. */
function presetTable(): string {
  const epochs = epochsByRows.map(({ below, epochs }) => [
    below === Infinity ? "more" : `below ${formatCount(below)}`,
    ...presetNames.map((name) => `${epochs[name]} ${epochs[name] === 1 ? "epoch" : "epochs"}`),
  ]);
  const steps = presetNames.map((name) => `${formatCount(mostSteps[name])} steps`);
  return alignedTable([presetHead, ...epochs, ["at most", ...steps]]);
}

const head = ["Option", "Default", "Range", "Unit", "PEFT, TRL", "Effect"];

const otherTools = `## Recipes of other tools

These files set the options that they have in common with Anneal; the others keep their defaults. The tool is recognised by
its keys:

- TRL and PEFT: an \`SFTConfig\` or \`TrainingArguments\` and a \`LoraConfig\`, flat or nested as \`peft_config\` and
  \`training_args\`, as JSON, YAML or the dict that Python prints; an \`adapter_config.json\`, Anneal's own too; the YAML of \`trl sft\`.
- mlx-lm: the YAML of \`mlx_lm.lora --config\`. Its iterations are micro-batches, so steps are iterations divided by
  \`grad_accumulation_steps\`; alpha is \`scale\` times \`rank\`.
- Axolotl: its YAML.

The page, \`npm run demo\` and \`npm run preview\` name each key without counterpart, those first that would change what is trained
(\`use_dora: true\`). Refused are values that do not fit, misspelt keys, and files that mix the words of two tools.
A constant \`lr_scheduler_type\` sets \`warmupSteps\` to 0, as in transformers; epochs without a number of steps set \`maxSteps\` to 0.
`;

/** The page in Markdown, as Prettier formats it: one table for each group of options. */
export function recipePage(table: OptionTable): string {
  const sections = optionGroups.map((group) => {
    const members = Object.entries(table).filter(([, option]) => option.group === group);
    return `## ${group}\n\n${alignedTable([head, ...members.map(rowOf)])}\n`;
  });
  const page = [opening, ...sections].join("\n");
  return `${page}${closing}${presetTable()}\n\n${otherTools}\n${foreignKeys(table)}\n`;
}

/** What each tool calls an option. */
function foreignKeys(table: OptionTable): string {
  const rows = Object.entries(table).flatMap(([name, { label }]) => {
    const cells = tools.map((tool) =>
      keysFor(tool, name as OptionName)
        .map(code)
        .join(", "),
    );
    return cells.some((cell) => cell !== "") ? [[label, ...cells]] : [];
  });
  return alignedTable([["Option", ...tools.map(({ name }) => name)], ...rows]);
}

function rowOf([name, option]: [string, RecipeOption]): string[] {
  const { peft, trl } = option;
  const foreign = peft ?? trl;
  const unit = isNumber(option) ? option.unit : undefined;
  return [
    code(name),
    showValue(option.default),
    rangeOf(option),
    unit ?? "",
    foreign === undefined ? "" : code(foreign),
    hintOf(option),
  ];
}

function rangeOf(option: RecipeOption): string {
  if (isNumber(option)) {
    const { min, max } = option.range;
    return `${showValue(min)} to ${showValue(max)}`;
  }
  if (option.kind === "text") {
    return `at most ${option.maxLength} characters`;
  }
  return option.kind === "switch" ? "true, false" : showValue(option.choices);
}

function code(text: string): string {
  return `\`${text}\``;
}

/** A table whose columns have one width, as Prettier writes it. The first row is the head. */
function alignedTable(rows: readonly (readonly string[])[]): string {
  const [columns = []] = rows;
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], fill: string) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  const [first = "", ...rest] = rows.map((row) => line(row, " "));
  return [
    first,
    line(
      columns.map(() => ""),
      "-",
    ),
    ...rest,
  ].join("\n");
}
