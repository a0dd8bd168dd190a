// The command `npm run preview`: reads model, data and recipe, and prints what would be trained.
import { parseArgs } from "node:util";
import { isPrefixPreserving } from "../../src/data/masks/prefix.ts";
import { describeReading } from "../../src/data/shapes/reading-columns.ts";
import { defaultRecipe, type Recipe } from "../../src/recipe/recipe.ts";
import { UserError } from "../../src/util/errors.ts";
import { readRecipeAt } from "../support/recipe.ts";
import { ArgumentError } from "./arguments.ts";
import { openPreviewData } from "./data.ts";
import { filesAt } from "./disk.ts";
import { openPreviewModel } from "./model.ts";
import { printJson, printText, type Print } from "./print.ts";
import { previewedRows, summarize, type RowChoice } from "./rows.ts";

const help = `npm run preview -- --model PATH --data PATH [options]

Prints each row of the data with the stretches that a run would train. Needs no browser, no GPU and no weights.

  --model PATH    folder of a Hugging Face model (config.json, tokenizer.json, ...), or a .gguf file
  --data PATH     file or folder: JSONL, JSON, CSV, TSV, Parquet, XLSX, TXT or MD, each also as .gz
  --recipe FILE   recipe as JSON, or in the words of TRL, mlx-lm or Axolotl (docs/recipe.md); its maxLength, completionOnly, template, multiTurn, systemMessage and heldOutRows count here
  --sheet NAME    sheet of a workbook
  --encoding NAME utf-8, utf-16le, utf-16be or windows-1252
  --reading FILE  how rows are read, as JSON: {"shape": "completion", "columns": {"prompt": "Q", "completion": "A"}};
                  for text {"shape": "text", "columns": {"text": "text"}, "windows": true} (docs/data.md)
  --rows A-B      only these rows, from 1 (all with --json, else 1-20)
  --json          one JSON object a row, and a summary last`;

/** Rows that are read without being asked for. */
const usualRows: RowChoice = { first: 1, last: 20 };

/**
 * Prints rows and summary, or the error in one sentence.
 * @returns the exit code: 1 for an error, and where no row can be trained
 */
export async function previewCommand(args: readonly string[]): Promise<number> {
  try {
    const values = parseArguments(args);
    if (values.help) {
      console.log(help);
      return 0;
    }
    return await preview(values, values.json ? printJson : printText);
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof UserError) {
      console.error(error instanceof UserError ? sentencesOf(error) : error.message);
      return 1;
    }
    throw error;
  }
}

type Arguments = ReturnType<typeof parseArguments>;

function parseArguments(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        model: { type: "string" },
        data: { type: "string" },
        recipe: { type: "string" },
        sheet: { type: "string" },
        encoding: { type: "string" },
        reading: { type: "string" },
        rows: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    throw new ArgumentError((error as Error).message);
  }
}

async function preview(values: Arguments, print: Print): Promise<0 | 1> {
  const recipe = await readRecipe(values.recipe);
  const rows = values.rows === undefined ? (values.json ? null : usualRows) : readRows(values.rows);
  const model = await openPreviewModel(await filesAt(required("model", values.model)));
  const data = await openPreviewData(await filesAt(required("data", values.data)), values);
  refuseNoRow(values.rows, rows?.first ?? 1, data.facts.survey.rows);
  print.opening(describeReading(data.reading), data);
  if (data.facts.survey.isChat && !(await isPrefixPreserving(model.tokenizer))) {
    print.hint(
      'The chat template writes an earlier answer otherwise than the last. multiTurn "each" shows the model every answer as it has to give it.',
    );
  }
  const { summary, heldOut, lines, refusal } = await summarize(model, data, recipe);
  for await (const row of previewedRows(model, data, recipe, rows, heldOut)) {
    print.row(row);
  }
  print.lines(lines, data);
  print.summary(summary);
  if (refusal !== null) {
    console.error(sentencesOf(refusal));
  }
  return refusal === null ? 0 : 1;
}

function refuseNoRow(given: string | undefined, first: number, rows: number): void {
  if (first > rows) {
    throw new ArgumentError(`--rows is ${given ?? ""}, but there are ${rows} rows in all.`);
  }
}

async function readRecipe(path: string | undefined): Promise<Recipe> {
  if (path === undefined) {
    return { ...defaultRecipe };
  }
  const { options, lines } = await readRecipeAt(path);
  lines.forEach((line) => {
    console.error(line);
  });
  return { ...defaultRecipe, ...options };
}

function readRows(given: string): RowChoice {
  const [, begin, end] = /^(\d+)(?:-(\d+))?$/.exec(given) ?? [];
  const first = Number(begin);
  const last = Number(end ?? begin);
  if (!(first >= 1) || last < first) {
    throw new ArgumentError(`--rows is ${given}, but must be like 7 or 1-20.`);
  }
  return { first, last };
}

function required(name: string, given: string | undefined): string {
  if (given === undefined || given === "") {
    throw new ArgumentError(`--${name} is missing: see --help.`);
  }
  return given;
}

function sentencesOf({ message, remedy }: UserError): string {
  return `${message} ${remedy}`;
}
