// Reads a cell of a table of text that holds JSON: a conversation, tools.
import { isRecord, parseLenient } from "./json-row.ts";

/** Columns whose value is never text for the model as it is. */
const structured =
  /^(messages|conversations?|dialogue|dialog|turns|history|tools|chat_template_kwargs)$/i;

/**
 * The list or object of a cell with JSON, else its text. A completion that happens to be JSON stays
 * text, since a model that learns to write JSON must learn it as it is written: only a list of
 * turns (objects with a role or a sender) is read in any column, other JSON in the columns that
 * shapes know as lists and objects.
 */
export function cellValue(column: string, text: string): unknown {
  if (!/^\s*[[{]/.test(text) || !/[\]}]\s*$/.test(text)) {
    return text;
  }
  const parsed = parseLenient(text);
  if (!("value" in parsed) || typeof parsed.value !== "object") {
    return text;
  }
  return structured.test(column.trim()) || isTurns(parsed.value) ? parsed.value : text;
}

function isTurns(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (turn) =>
        isRecord(turn) && (typeof turn["role"] === "string" || typeof turn["from"] === "string"),
    )
  );
}
