// docs/recipe.md, written from the table of options.
import { optionGroups, type OptionTable, type RecipeOption } from "./option.ts";
import { hintOf, isNumber, showValue } from "./words.ts";

const opening = `# Recipe

<!-- Written from src/recipe/options.ts by npm run layers -- --write. -->

A recipe is a JSON object of options. An option that it leaves out has its default; an unknown option is refused. The
demo model has other defaults for some options: \`demoRecipe\` in \`src/recipe/recipe.ts\`. Recipes to start from are in
\`examples/recipes/\`.

The column "PEFT, TRL" has the same option in PEFT's \`LoraConfig\` or in TRL's \`SFTConfig\`, which extends transformers'
\`TrainingArguments\`.
`;

const head = ["Option", "Default", "Range", "Unit", "PEFT, TRL", "Effect"];

/** The page in Markdown, as Prettier formats it: one table for each group of options. */
export function recipePage(table: OptionTable): string {
  const sections = optionGroups.map((group) => {
    const members = Object.entries(table).filter(([, option]) => option.group === group);
    return `## ${group}\n\n${alignedTable([head, ...members.map(rowOf)])}\n`;
  });
  return [opening, ...sections].join("\n");
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
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill: string) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(" | ")} |`;
  const [first = "", ...rest] = rows.map((row) => line(row, " "));
  return [
    first,
    line(
      head.map(() => ""),
      "-",
    ),
    ...rest,
  ].join("\n");
}
