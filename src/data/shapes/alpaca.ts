// Alpaca's instructions: instruction, input and output; with `history`, a conversation. Dolly's
// instruction, context and response are the same.
import type { ChatMessage } from "../tokenizer.ts";
import { isAbsent, missing, quotedName, textOf, unwrapJson, type Row } from "./row/cell.ts";
import { chatFields, chatOf, completionOf, extraColumns, fieldOf, requiredText } from "./extras.ts";
import { listOfMessages, messagesOf } from "./row/conversation.ts";
import { fillPattern } from "./row/pattern.ts";
import type { Reading } from "./reading.ts";
import { optional, required, type Content, type Shape } from "./shape.ts";

export const alpacaShape: Shape = {
  name: "alpaca",
  label: "Alpaca",
  fields: [
    required("instruction"),
    optional("input"),
    required("output"),
    optional("history"),
    ...chatFields,
  ],
  recognise: (sample) => {
    const [instruction] = sample.named(["instruction"]);
    const [output] = sample.named(["output", "response", "completion", "answer"]);
    const hasTrlNames = ["prompt", "completion"].every((name) => sample.named([name]).length > 0);
    if (instruction === undefined || output === undefined || hasTrlNames) {
      return [];
    }
    const [input] = sample.named(["input", "context"]);
    const [history] = sample.named(["history"]);
    const columns = {
      instruction,
      ...(input === undefined ? {} : { input }),
      output,
      ...(history === undefined ? {} : { history }),
      ...extraColumns(sample),
    };
    return [{ shape: "alpaca", columns, pattern: null, system: null }];
  },
  read: readRow,
};

/**
 * The prompt of an instruction where no pattern is chosen. It ends with a blank line: an output
 * does not begin with a space.
 */
export function instructionPattern({ columns }: Reading): string {
  const { instruction = "instruction", input } = columns;
  return [instruction, ...(input === undefined ? [] : [input])]
    .map((column) => `{${column}}\n\n`)
    .join("");
}

function readRow(row: Row, reading: Reading): Content | string {
  const { instruction } = reading.columns;
  if (reading.pattern === null && instruction !== undefined) {
    if (isAbsent(fieldOf(row, reading, "instruction"))) {
      return missing(row, instruction);
    }
  }
  const output = requiredText(row, reading, "output");
  if (typeof output === "string") {
    return output;
  }
  const history = historyOf(fieldOf(row, reading, "history"), reading.columns.history ?? "");
  if (typeof history === "string") {
    return history;
  }
  const pattern = reading.pattern ?? instructionPattern(reading);
  // The blank line at its end separates texts; messages have none.
  const { text, reason } = fillPattern(history.length > 0 ? pattern.trimEnd() : pattern, row);
  if (text === null) {
    return reason;
  }
  if (history.length === 0) {
    return completionOf(row, reading, text, output.text);
  }
  const turn = [
    { role: "user", content: text },
    { role: "assistant", content: output.text },
  ];
  return chatOf(row, reading, [...history, ...turn], 0);
}

/** Earlier turns: pairs of what user and assistant said, or messages, or their JSON text. */
function historyOf(value: unknown, column: string): ChatMessage[] | string {
  const given = unwrapJson(value);
  if (isAbsent(given) || given === "") {
    return [];
  }
  if (listOfMessages(given) !== null) {
    return messagesOf(given, column);
  }
  if (!Array.isArray(given)) {
    return `its ${quotedName(column)} is not a list of pairs`;
  }
  const messages: ChatMessage[] = [];
  for (const [index, pair] of (given as unknown[]).entries()) {
    const texts = Array.isArray(pair) ? (pair as unknown[]).map(textOf) : [];
    const [asked = null, answered = null] = texts;
    if (texts.length !== 2 || asked === null || answered === null) {
      return `entry ${index + 1} of its ${quotedName(column)} is not a pair of texts`;
    }
    messages.push({ role: "user", content: asked }, { role: "assistant", content: answered });
  }
  return messages;
}
