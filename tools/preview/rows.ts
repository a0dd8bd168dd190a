// Rows of the data as a run would train them, and the counts of the whole data set.
import { splitDataset, type Dataset, type TokenizedData } from "../../src/data/dataset.ts";
import type { Example } from "../../src/data/example.ts";
import { heldOutUse } from "../../src/data/held-out.ts";
import { exampleOf, type DataSet } from "../../src/data/load/data-set.ts";
import { describeNotice } from "../../src/data/masks/notices.ts";
import {
  ExampleTokenizer,
  type PreviewedText,
  type RowPreview,
} from "../../src/data/masks/examples.ts";
import { reportOf } from "../../src/data/report.ts";
import { reportLines, type ReportLine } from "../../src/data/report-words.ts";
import type { TokenRows } from "../../src/data/token-rows.ts";
import { tokenizeRows } from "../../src/data/tokenize-rows.ts";
import type { Recipe } from "../../src/recipe/recipe.ts";
import { hasCode, type UserError } from "../../src/util/errors.ts";
import { formatCountOf } from "../../src/util/format.ts";
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
  /** Why no run uses it; null where it is used. */
  left: string | null;
  isHeldOut: boolean;
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

/**
 * @param choice null for all rows
 * @param heldOut null where no row is used
 */
export async function* previewedRows(
  { tokenizer }: PreviewModel,
  data: DataSet,
  recipe: Recipe,
  choice: RowChoice | null,
  heldOut: TokenRows | null,
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
          ? { ...place, ...inWords(await masks.preview(example), example, heldOut) }
          : { ...place, texts: [], left: example.what, isHeldOut: false, notices: [] };
      }
    }
  }
}

function inWords(
  { notices, ...preview }: RowPreview,
  example: Example,
  heldOut: TokenRows | null,
): Omit<PreviewedRow, "path" | "line"> {
  const use = heldOut && heldOutUse(heldOut, example, preview.texts.length);
  return {
    ...preview,
    isHeldOut: use?.isHeldOut ?? false,
    notices: [...notices.map(describeNotice), ...(use?.notices ?? [])],
  };
}

export interface Summed {
  summary: PreviewSummary;
  heldOut: TokenRows | null;
  /** What befalls rows, shown or not, as the page says it. */
  lines: readonly ReportLine[];
  /** The page's sentence where no row is left to train on. */
  refusal: UserError | null;
}

/** The counts of all rows, and which are held out. */
export async function summarize(
  model: PreviewModel,
  data: DataSet,
  recipe: Recipe,
): Promise<Summed> {
  const facts = { shape: data.reading.shape, multiTurn: recipe.multiTurn };
  const { rows } = data.facts.survey;
  try {
    const { tokens, dataset } = await splitRows(model, data, recipe);
    const { train, heldOut, trainedTokens } = dataset;
    const { maxLength } = recipe;
    const lines = reportLines(reportOf(tokens, dataset, maxLength), maxLength);
    const summary = {
      rows,
      examples: train.length + heldOut.length,
      left: rows - countSources([train, heldOut]),
      heldOut: heldOut.length,
      trainedTokens,
      ...facts,
    };
    return { summary, heldOut, lines: [...unusable(data), ...lines], refusal: null };
  } catch (error) {
    if (hasCode(error, "no-completion") || hasCode(error, "too-long")) {
      const none = { examples: 0, left: rows, heldOut: 0, trainedTokens: 0 };
      return {
        summary: { rows, ...none, ...facts },
        heldOut: null,
        lines: unusable(data),
        refusal: error,
      };
    }
    throw error;
  }
}

async function splitRows(
  { tokenizer, config }: PreviewModel,
  data: DataSet,
  recipe: Recipe,
): Promise<{ tokens: TokenizedData; dataset: Dataset }> {
  const contextLength = Math.max(recipe.maxLength, config.maxPositionEmbeddings);
  const examples = data.examples(recipe.systemMessage);
  const tokens = await tokenizeRows(examples, tokenizer, {
    ...recipe,
    contextLength,
    windowLength: recipe.maxLength,
  });
  const { heldOutFrom } = data.facts.survey;
  return { tokens, dataset: splitDataset(tokens, recipe, { heldOutFrom }) };
}

/** Rows without an example, by reason. */
function unusable({ facts }: DataSet): ReportLine[] {
  const { count, first } = facts.survey.badRows;
  const reasons = [...new Set(first.map(({ what }) => what))];
  const lines = reasons.map((reason) => {
    const rows = first.filter(({ what }) => what === reason);
    const start = formatCountOf(rows.length, "row is", "rows are");
    return { sentence: `${start} left out: ${reason}`, count: rows.length, rows };
  });
  const more = count - first.length;
  const further = `${formatCountOf(more, "further row")} cannot be used`;
  return more === 0 ? lines : [...lines, { sentence: further, count: more, rows: [] }];
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
