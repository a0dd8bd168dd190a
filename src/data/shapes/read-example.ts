// A row as an example, by the reading that was recognised or chosen.
import type { ParsedRow } from "../../formats/rows.ts";
import type { Example } from "../example.ts";
import { cellOf, isAbsent, truthOf, type Row } from "./row/cell.ts";
import { fieldOf, weightOf } from "./extras.ts";
import { readingColumns } from "./reading-columns.ts";
import type { Reading } from "./reading.ts";
import { Sample } from "./sample.ts";
import type { Content } from "./shape.ts";
import { shapes, shapesInOrder } from "./table.ts";

type RowContent = Content & { weight?: number; isUnwanted?: true };

/**
 * The example of a row. A row that lacks a column of the reading may have another shape, as in a
 * file of chats and prompts: it is then read by its own.
 * @param file index of the file among those that were loaded
 * @returns the reason, a clause about the row such as `it has nothing in "completion"`, where it
 *   gives no example
 */
export function readExample(
  { row, line }: ParsedRow,
  reading: Reading,
  file: number,
): Example | string {
  const read = readRow(row, reading);
  const own = typeof read === "string" ? ownReading(row, reading) : null;
  const example = own === null ? read : readRow(row, { ...own, system: reading.system });
  return typeof example === "string" ? example : { ...example, line, file };
}

function readRow(row: Row, reading: Reading): RowContent | string {
  const content = shapes[reading.shape].read(row, reading);
  if (typeof content === "string") {
    return content;
  }
  const weight = weightOf(row, reading);
  if (typeof weight === "string") {
    return weight;
  }
  return {
    ...content,
    ...(weight === null ? {} : { weight }),
    ...(truthOf(fieldOf(row, reading, "label")) === false ? { isUnwanted: true as const } : {}),
  };
}

/** Whether the row has nothing in some column that the reading needs. */
export function isOfOtherShape(row: Row, reading: Reading): boolean {
  return neededCells(row, reading).some(isAbsent);
}

/**
 * The reading of a row of another shape. Plain text is none where only a part is missing: a column
 * of text often stands beside a prompt and its completion.
 */
function ownReading(row: Row, reading: Reading): Reading | null {
  if (!isOfOtherShape(row, reading)) {
    return null;
  }
  const sample = new Sample([{ row, line: 1 }]);
  const [own] = shapesInOrder.flatMap((shape) => shape.recognise(sample));
  const isPart = !neededCells(row, reading).every(isAbsent);
  return own === undefined || (isPart && own.shape === "text") ? null : own;
}

function neededCells(row: Row, reading: Reading): unknown[] {
  return readingColumns(reading).needed.map((column) => cellOf(row, column));
}
