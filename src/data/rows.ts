// Parses a data file into examples, prompt with completion or messages. Faults name lines.
import { parseCsv } from "../formats/csv.ts";
import { parseJsonl } from "../formats/jsonl.ts";
import type { ParsedRow } from "../formats/rows.ts";
import { UserError } from "../util/errors.ts";
import type { Example } from "./example.ts";
import type { ChatMessage } from "./tokenizer.ts";

/** A longer list of faults is cut and counted. */
const shownFaults = 20;
const remedy =
  'Each row needs "prompt" and "completion", or "messages" with at least one of role "assistant". Nothing was loaded.';

/**
 * Parses JSONL, or CSV when the name ends in .csv or .tsv.
 * @throws UserError "bad-row", "no-completion" or "empty-data", naming lines
 */
export function parseExamples(text: string, fileName: string): Example[] {
  const isTable = /\.(csv|tsv)$/i.test(fileName);
  const rows = isTable ? parseCsv(text, fileName) : parseJsonl(text, fileName);
  const faults: string[] = [];
  let code: "bad-row" | "no-completion" = "no-completion";
  const examples = rows.flatMap((row) => {
    const read = readRow(row);
    if (typeof read !== "string") {
      return [read];
    }
    faults.push(`line ${row.line}: ${read}`);
    code = read.includes("completion") ? code : "bad-row";
    return [];
  });
  if (faults.length > 0) {
    throw new UserError(code, describe(faults, rows.length), { where: fileName, remedy });
  }
  if (examples.length === 0) {
    throw new UserError("empty-data", "The file has no rows.", { where: fileName, remedy });
  }
  return examples;
}

function describe(faults: readonly string[], rowCount: number): string {
  const more = faults.length > shownFaults ? `; and ${faults.length - shownFaults} more` : "";
  const shown = faults.slice(0, shownFaults).join("; ");
  return `${faults.length} of ${rowCount} rows cannot be used: ${shown}${more}.`;
}

/** The example, or what is wrong with the row. */
function readRow({ row, line }: ParsedRow): Example | string {
  const { prompt, completion, messages } = row as Record<string, unknown>;
  if (messages !== undefined) {
    return readMessages(messages, line);
  }
  if (typeof completion !== "string" || completion.trim() === "") {
    return 'it has no text in "completion"';
  }
  if (typeof prompt !== "string") {
    return 'it has no text in "prompt"';
  }
  return { kind: "completion", prompt, completion, line, file: 0 };
}

function readMessages(value: unknown, line: number): Example | string {
  if (!Array.isArray(value) || value.length === 0) {
    return '"messages" is not a list of messages';
  }
  const messages: ChatMessage[] = [];
  for (const entry of value as unknown[]) {
    const { role, content } = (entry ?? {}) as Record<string, unknown>;
    if (typeof role !== "string" || typeof content !== "string") {
      return 'each message needs a "role" and a "content" of text';
    }
    messages.push({ role, content });
  }
  if (!messages.some(({ role }) => role === "assistant")) {
    return 'no message has the role "assistant", so there is no completion to learn';
  }
  return { kind: "chat", messages, trainedFrom: 0, line, file: 0 };
}
