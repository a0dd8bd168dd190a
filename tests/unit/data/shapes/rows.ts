// Helpers of the tests of shapes: rows as a file reader gives them.
import type { ParsedRow } from "../../../../src/formats/rows.ts";
import { readExample } from "../../../../src/data/shapes/read-example.ts";
import { recognise, type Recognition } from "../../../../src/data/shapes/recognise.ts";

export function rowsOf(...rows: Record<string, unknown>[]): ParsedRow[] {
  return rows.map((row, index) => ({ row, line: index + 1 }));
}

/** The recognition of rows that have a shape. */
export function recognised(...rows: Record<string, unknown>[]): Recognition {
  const found = recognise(rowsOf(...rows));
  if (found === null) {
    throw new Error("no shape was recognised");
  }
  return found;
}

/** Each row as an example or reason, by the reading that is recognised. */
export function examplesOf(...rows: Record<string, unknown>[]): unknown[] {
  const { reading } = recognised(...rows);
  return rowsOf(...rows).map((row) => readExample(row, reading, 0));
}

/** The example of the first row, without its place. */
export function exampleOf(...rows: Record<string, unknown>[]): unknown {
  const [example] = examplesOf(...rows);
  if (typeof example !== "object" || example === null) {
    return example;
  }
  const content = { ...example } as Record<string, unknown>;
  delete content["line"];
  delete content["file"];
  return content;
}

export const turn = (role: string, content: unknown) => ({ role, content });
