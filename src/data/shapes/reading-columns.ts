// The columns and the prompt pattern that a reading really uses, and the reading in words.
import { continuesColumn } from "../../formats/rows.ts";
import { shownText } from "../../util/shown-text.ts";
import { plainName, quoted } from "./row/cell.ts";
import { instructionPattern } from "./alpaca.ts";
import { patternColumns, patternFault } from "./row/pattern.ts";
import { partOf, type Part, type Reading } from "./reading.ts";
import { shapes } from "./table.ts";

/** The prompt pattern, chosen or of the shape; null for a prompt of one column. */
export function patternOf(reading: Reading): string | null {
  return (
    reading.pattern ?? (reading.shape === "alpaca" ? instructionPattern(reading) : reading.pattern)
  );
}

export interface ReadingColumns {
  /** What the prompt consists of. */
  prompt: readonly string[];
  /** Columns without which a row has no content. */
  needed: readonly string[];
  /** All columns that are read. */
  all: readonly string[];
}

export function readingColumns(reading: Reading): ReadingColumns {
  const { shape, columns } = reading;
  const pattern = patternOf(reading);
  const prompt =
    pattern === null
      ? [columns.prompt].filter((column) => column !== undefined)
      : patternColumns(pattern);
  const fields = shapes[shape].fields.filter(
    ({ name }) => pattern === null || partOf[name] !== "prompt",
  );
  const columnsOf = (wanted: typeof fields) => wanted.flatMap(({ name }) => columns[name] ?? []);
  const needed = columnsOf(fields.filter(({ isRequired }) => isRequired));
  return {
    prompt,
    needed: [...new Set([...prompt, ...needed])],
    all: [
      ...new Set([...prompt, ...columnsOf(fields)]),
      ...(reading.windows === true ? [continuesColumn] : []),
    ],
  };
}

/** A reading in one line: "Alpaca: instruction + input -> output". */
export function describeReading(reading: Reading): string {
  const { label, fields } = shapes[reading.shape];
  const columnsOf = (part: Part) =>
    fields.flatMap(({ name }) => (partOf[name] === part ? (reading.columns[name] ?? []) : []));
  const { prompt } = readingColumns(reading);
  const shown = (names: readonly string[]) => names.map((name) => shownText(name));
  const from = shown([...columnsOf("before"), ...prompt, ...columnsOf("from")]).join(" + ");
  const to = shown(columnsOf("answer")).join(", ");
  const rest = shown(columnsOf("beside")).join(", ");
  const flow = [from, to].filter((side) => side !== "").join(" -> ");
  const windows = reading.windows === true ? ", in windows of maxLength" : "";
  return `${label}: ${flow}${rest === "" ? "" : `, with ${rest}`}${windows}`;
}

/**
 * What is wrong with a reading that a person chose for these columns, as a sentence; null for none.
 */
export function readingFault(reading: Reading, columns: readonly string[]): string | null {
  const { shape, pattern } = reading;
  const fault = pattern === null ? null : patternFault(pattern, columns);
  if (fault !== null) {
    return `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`;
  }
  const open = shapes[shape].fields.filter(
    ({ name, isRequired }) =>
      isRequired &&
      reading.columns[name] === undefined &&
      (pattern === null || partOf[name] !== "prompt"),
  );
  if (open.length > 0) {
    const names = open.map(({ name }) => name).join(", ");
    return `No column is chosen for: ${names}. The columns are ${quoted(columns)}.`;
  }
  const known = new Set([...columns, continuesColumn].map(plainName));
  const absent = readingColumns(reading).all.filter((name) => !known.has(plainName(name)));
  return absent.length === 0
    ? null
    : `There is no column ${quoted(absent)}. The columns are ${quoted(columns)}.`;
}
