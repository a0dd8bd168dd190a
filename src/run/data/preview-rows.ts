// Rows as a person looks at them: what the row says, what becomes of it, and its tokens.
import { heldOutUse } from "../../data/held-out.ts";
import { exampleOf } from "../../data/load/data-set.ts";
import { pickRows, type RowsWanted } from "../../data/load/pick-rows.ts";
import { ExampleTokenizer, type PreviewedText } from "../../data/masks/examples.ts";
import { describeNotice } from "../../data/masks/notices.ts";
import type { TokenRows } from "../../data/token-rows.ts";
import type { BaseModel } from "../../model/open.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { datedTokenizer, dayOf } from "./dated-tokenizer.ts";
import type { LoadedData } from "./loaded-data.ts";

export interface PreviewedRow {
  /** From 1 through all files, bad rows too. */
  number: number;
  /** Index of its file in `DataInfo.files`, and line in it. */
  file: number;
  line: number;
  /** The row with its edit; null where it could not be read. */
  row: Readonly<Record<string, unknown>> | null;
  /** The beginning of a row that could not be read, as it is in the file. */
  fault: string | null;
  /** The texts that are trained, one of each answer with multiTurn "each". */
  texts: PreviewedText[];
  /** Why the row is left out, as a clause; null where it is used. */
  left: string | null;
  /** Whether it is held out of training; null while the rows are not split yet. */
  isHeldOut: boolean | null;
  /** Whole sentences. */
  notices: string[];
}

export interface PreviewedRows {
  rows: PreviewedRow[];
  /** Number at which the next rows begin; null after the last row. */
  next: number | null;
}

/**
 * @param heldOut the rows that are held out; null while the rows are not split yet
 * @throws as `pickRows` and `ExampleTokenizer.preview`; UserError "bad-row" while no reading is
 *   chosen
 */
export async function previewRows(
  model: BaseModel,
  data: LoadedData,
  recipe: Recipe,
  wanted: RowsWanted,
  heldOut: TokenRows | null,
  signal: AbortSignal,
): Promise<PreviewedRows> {
  const reading = data.set.readingWith(recipe.systemMessage);
  const tokenizer = new ExampleTokenizer(datedTokenizer(model, dayOf(Date.now())), recipe);
  const { rows, next } = await pickRows(data.set, wanted, signal);
  const previewed: PreviewedRow[] = [];
  for (const { number, row } of rows) {
    const { file, line } = row;
    const example = exampleOf(row, reading);
    const place = { number, file, line, row: "row" in row ? row.row : null };
    if ("what" in example) {
      const fault = "row" in row ? null : example.text;
      const isHeldOut = heldOut === null ? null : false;
      previewed.push({ ...place, fault, texts: [], left: example.what, isHeldOut, notices: [] });
    } else {
      const { texts, left, notices } = await tokenizer.preview(example, signal);
      const use = heldOut && heldOutUse(heldOut, example, texts.length);
      const isHeldOut = use?.isHeldOut ?? null;
      const sentences = [...notices.map(describeNotice), ...(use?.notices ?? [])];
      previewed.push({ ...place, fault: null, texts, left, isHeldOut, notices: sentences });
    }
  }
  return { rows: previewed, next };
}
