// Recognises the shape of a table from its first rows, and says what it found.
import { continuesColumn, type ParsedRow } from "../../formats/rows.ts";
import { shortJson } from "../../util/short-json.ts";
import { cellOf, quoted, quotedName, textOf } from "./row/cell.ts";
import { isOfOtherShape, readExample } from "./read-example.ts";
import { describeReading, readingColumns } from "./reading-columns.ts";
import type { Reading } from "./reading.ts";
import { Sample } from "./sample.ts";
import { shapesInOrder } from "./table.ts";

export interface ColumnSample {
  name: string;
  /** A value of the column, shortened. */
  example: string;
}

export interface Recognition {
  reading: Reading;
  /** The reading in one line: "Alpaca: instruction + input -> output". */
  sentence: string;
  columns: readonly ColumnSample[];
  /** Columns that the reading leaves out. */
  unused: readonly string[];
  /** What a person should know of how these rows are read, whole sentences. */
  notices: readonly string[];
  /** Other readings of the same columns, the likeliest first. */
  alternatives: readonly Reading[];
}

const maxExample = 80;

/**
 * How the rows can be read; null where no shape has their columns, which are then mapped by hand.
 * @param rows the first rows of the table, some hundred
 */
export function recognise(rows: readonly ParsedRow[]): Recognition | null {
  const sample = new Sample(rows);
  const found = shapesInOrder.flatMap((shape) => shape.recognise(sample));
  const reading = likeliest(found, rows);
  if (reading === undefined) {
    return null;
  }
  return {
    ...reviewReading(reading, rows),
    alternatives: found.filter((other) => other !== reading),
  };
}

/** What a reading, recognised or chosen by hand, makes of the rows. */
export function reviewReading(
  reading: Reading,
  rows: readonly ParsedRow[],
): Omit<Recognition, "alternatives"> {
  const columns = columnSamples(rows);
  const { all } = readingColumns(reading);
  return {
    reading,
    sentence: describeReading(reading),
    columns,
    unused: columns.map(({ name }) => name).filter((name) => !all.includes(name)),
    notices: [
      ...numbersNotice(reading, rows),
      ...weightNotice(reading, rows),
      ...otherShapeNotice(reading, rows),
    ],
  };
}

/** The columns that hold something, each with a value. */
export function columnSamples(rows: readonly ParsedRow[]): ColumnSample[] {
  const sample = new Sample(rows);
  return sample.columns.map((name) => {
    const values = sample.values(name);
    const value = values.find((each) => each !== "") ?? "";
    return { name, example: shorten(textOf(value) ?? shortJson(value)) };
  });
}

/** The first that reads half of the rows that it should, else that which reads most. */
function likeliest(found: readonly Reading[], rows: readonly ParsedRow[]): Reading | undefined {
  const counted = found.map((reading) => ({ reading, count: countOwn(reading, rows) }));
  const most = Math.max(...counted.map(({ count }) => count));
  return counted.find(({ count }) => count >= rows.length / 2 || count === most)?.reading;
}

function countOwn(reading: Reading, rows: readonly ParsedRow[]): number {
  return rows.filter((row) => !isOfOtherShape(row.row, reading)).length;
}

function numbersNotice(reading: Reading, rows: readonly ParsedRow[]): string[] {
  const { weight, label, tools, templateArguments } = reading.columns;
  const noTexts = [weight, label, tools, templateArguments, continuesColumn];
  const numeric = readingColumns(reading)
    .all.filter((column) => !noTexts.includes(column))
    .filter((column) =>
      rows.some(({ row }) => {
        const value = cellOf(row, column);
        return typeof value !== "string" && textOf(value) !== null;
      }),
    );
  return numeric.length === 0 ? [] : [`Numbers in ${quoted(numeric)} are read as text.`];
}

/** A column of that name is meant as weights, or as the weight of something: both are said. */
function weightNotice(reading: Reading, rows: readonly ParsedRow[]): string[] {
  const [column] = new Sample(rows).named(["weight"]);
  return column === undefined || readingColumns(reading).all.includes(column)
    ? []
    : [
        `${quotedName(column)} is no weight in the loss: it is not a number in every row, or is not chosen.`,
      ];
}

function otherShapeNotice(reading: Reading, rows: readonly ParsedRow[]): string[] {
  const others = rows.filter(
    (row) => isOfOtherShape(row.row, reading) && typeof readExample(row, reading, 0) !== "string",
  );
  return others.length === 0
    ? []
    : [`${others.length} of the first ${rows.length} rows have another shape and are read by it.`];
}

function shorten(text: string): string {
  return text.length > maxExample ? `${text.slice(0, maxExample - 1)}…` : text;
}
