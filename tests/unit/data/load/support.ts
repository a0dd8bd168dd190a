// Data sets out of made-up files.
import type { DataChoices, DataSet } from "../../../../src/data/load/data-set.ts";
import { openDataSet } from "../../../../src/data/load/open-data-set.ts";

/** Files by path, each with its text. */
export function openTexts(
  files: Readonly<Record<string, string>>,
  choices: DataChoices = {},
  progress: (doneBytes: number, totalBytes: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<DataSet> {
  const given = Object.entries(files).map(([path, text]) => ({ path, blob: new Blob([text]) }));
  return openDataSet(given, choices, progress, signal);
}

export const jsonl = (...rows: readonly object[]) =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** Rows of prompt and completion, numbered from `first`. */
export const pairs = (count: number, first = 1) =>
  Array.from({ length: count }, (_, index) => ({
    prompt: `Q${first + index} `,
    completion: `A${first + index}`,
  }));

export async function examplesOf(set: DataSet, systemMessage = "") {
  const all = [];
  for await (const { examples } of set.examples(systemMessage)) {
    all.push(...examples);
  }
  return all;
}
