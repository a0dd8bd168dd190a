// Rows of the data as a run would train them, and the counts of the whole data set.
import { splitDataset } from "../../src/data/dataset.ts";
import { exampleOf, type DataSet } from "../../src/data/load/data-set.ts";
import { describeNotice } from "../../src/data/masks/notices.ts";
import {
  ExampleTokenizer,
  type PreviewedText,
  type RowPreview,
} from "../../src/data/masks/examples.ts";
import type { TokenRows } from "../../src/data/token-rows.ts";
import { tokenizeRows } from "../../src/data/tokenize-rows.ts";
import type { Recipe } from "../../src/recipe/recipe.ts";
import type { PreviewModel } from "./model.ts";

/** Row numbers of the whole data, from 1, both included. */
export interface RowChoice {
  first: number;
  last: number;
}

export interface PreviewedRow {
  /** Name of its file. */
  path: string;
  line: number;
  /** What the row becomes: one text, or one for each answer; none where it cannot be read. */
  texts: readonly PreviewedText[];
  /** Why no run trains it; null where it is trained. */
  left: string | null;
  notices: readonly string[];
}

export interface PreviewSummary {
  rows: number;
  /** Examples in training and held out; more than rows with multiTurn "each". */
  examples: number;
  /** Rows that are left out. */
  left: number;
  heldOut: number;
  /** In one pass over the training rows. */
  trainedTokens: number;
  shape: string;
  multiTurn: Recipe["multiTurn"];
}

/** @param choice null for all rows */
export async function* previewedRows(
  { tokenizer }: PreviewModel,
  data: DataSet,
  recipe: Recipe,
  choice: RowChoice | null,
): AsyncGenerator<PreviewedRow, void> {
  const { first, last } = choice ?? { first: 1, last: Infinity };
  const masks = new ExampleTokenizer(tokenizer, recipe);
  const reading = data.readingWith(recipe.systemMessage);
  let number = 0;
  for await (const { rows } of data.rows()) {
    for (const row of rows) {
      number++;
      if (number > last) {
        return;
      }
      if (number >= first) {
        const path = data.files[row.file]?.path ?? "";
        const place = { path, line: row.line };
        const example = exampleOf(row, reading);
        yield "kind" in example
          ? { ...place, ...inWords(await masks.preview(example)) }
          : { ...place, texts: [], left: example.what, notices: [] };
      }
    }
  }
}

function inWords({ notices, ...preview }: RowPreview): Omit<PreviewedRow, "path" | "line"> {
  return { ...preview, notices: notices.map(describeNotice) };
}

/** @throws UserError where no row is left to train on */
export async function summarize(
  { tokenizer, config }: PreviewModel,
  data: DataSet,
  recipe: Recipe,
): Promise<PreviewSummary> {
  const options = {
    ...recipe,
    contextLength: Math.max(recipe.maxLength, config.maxPositionEmbeddings),
  };
  const tokens = await tokenizeRows(data.examples(recipe.systemMessage), tokenizer, options);
  const { heldOutFrom, rows } = data.facts.survey;
  const { train, heldOut, trainedTokens } = splitDataset(tokens, recipe, { heldOutFrom });
  return {
    rows,
    examples: train.length + heldOut.length,
    left: rows - countSources([train, heldOut]),
    heldOut: heldOut.length,
    trainedTokens,
    shape: data.reading.shape,
    multiTurn: recipe.multiTurn,
  };
}

/** Rows of the data that some example comes from. */
function countSources(some: readonly TokenRows[]): number {
  const sources = new Set<number>();
  for (const rows of some) {
    for (let index = 0; index < rows.length; index++) {
      sources.add(rows.sourceOf(index));
    }
  }
  return sources.size;
}
