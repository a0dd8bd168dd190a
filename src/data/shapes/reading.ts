// How the rows of a file are read: the shape, and which column has which part. Plain JSON data, for
// it is shown, corrected, saved and loaded.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import { isRecord } from "./row/cell.ts";

/**
 * In the order of recognition. Where a row has several, the first wins: `chosen` and `rejected` say
 * most, and a conversation says more than the texts that were made of it.
 */
export const shapeNames = [
  "preference",
  "messages",
  "sharegpt",
  "alpaca",
  "completion",
  "text",
] as const;
export type ShapeName = (typeof shapeNames)[number];

/** Parts of a row that a column can give. */
export const fieldNames = [
  "prompt",
  "completion",
  "instruction",
  "input",
  "output",
  "history",
  "messages",
  "text",
  "chosen",
  "rejected",
  "system",
  "tools",
  "templateArguments",
  "weight",
  "label",
] as const;
export type FieldName = (typeof fieldNames)[number];

/** Where a reading in words has a field: `system + FROM -> ANSWER, with tools`. */
export type Part = "before" | "prompt" | "from" | "answer" | "beside";

export const partOf: Readonly<Record<FieldName, Part>> = {
  system: "before",
  history: "before",
  // A prompt pattern takes the place of these.
  prompt: "prompt",
  instruction: "prompt",
  input: "prompt",
  messages: "from",
  text: "from",
  chosen: "answer",
  rejected: "answer",
  completion: "answer",
  output: "answer",
  tools: "beside",
  templateArguments: "beside",
  weight: "beside",
  label: "beside",
};

export interface Reading {
  shape: ShapeName;
  /** Names of the file's columns. A field without a column is not read. */
  columns: Partial<Record<FieldName, string>>;
  /** The prompt out of several columns, as `{instruction}\n\n{input}`; see pattern.ts. */
  pattern: string | null;
  /** A system message for rows that have none. */
  system: string | null;
  /**
   * Whether a text becomes windows of maxLength instead of being cut; a text file is then read as
   * one text, not by paragraphs. Left out where it does not, as saved readings had it.
   */
  windows?: true;
}

/** More text is a mistake: a pattern and a system message are written by hand. */
const maxText = 100_000;

/**
 * A saved reading.
 * @throws UserError "bad-row" naming the part that is none
 */
export function parseReading(value: unknown): Reading {
  const {
    shape,
    columns,
    pattern = null,
    system = null,
    windows = false,
  } = isRecord(value) ? value : {};
  if (!isOneOf(shapeNames, shape)) {
    throw fault(`its shape must be one of ${shapeNames.join(", ")}`);
  }
  if (!isRecord(columns)) {
    throw fault("it has no columns");
  }
  const wrong = Object.entries(columns).find(
    ([field, column]) => !isOneOf(fieldNames, field) || typeof column !== "string",
  );
  if (wrong !== undefined) {
    throw fault(`its columns have no ${shortJson(wrong[0])} of text`);
  }
  if (typeof windows !== "boolean" || (windows && shape !== "text")) {
    throw fault("its windows must be true or false, and true only for the shape text");
  }
  return {
    shape,
    columns: { ...columns },
    pattern: textOrNull("pattern", pattern),
    system: textOrNull("system message", system),
    ...(windows ? { windows } : {}),
  };
}

function textOrNull(name: string, value: unknown): string | null {
  if (value === null || (typeof value === "string" && value.length <= maxText)) {
    return value;
  }
  throw fault(`its ${name} must be null or text of at most ${maxText} characters`);
}

function isOneOf<Name extends string>(names: readonly Name[], value: unknown): value is Name {
  return (names as readonly unknown[]).includes(value);
}

function fault(what: string): UserError {
  return new UserError("bad-row", `The choice of columns cannot be read: ${what}.`, {
    where: "reading",
    remedy: "Choose the columns again.",
  });
}
