// One side of a pair, prompt or completion: text, or a list of messages.
import type { ChatExample, CompletionExample } from "../example.ts";
import type { ChatMessage } from "../tokenizer.ts";
import { cellOf, isAbsent, kindOf, missing, quotedName, textOf, type Row } from "./row/cell.ts";
import { answerFault, listOfMessages, messagesOf } from "./row/conversation.ts";
import { chatOf, completionOf } from "./extras.ts";
import { fillPattern } from "./row/pattern.ts";
import type { Reading } from "./reading.ts";

export type Side = { text: string } | { messages: readonly ChatMessage[] };

/** A cell as a side of a pair, or the reason. */
export function sideOf(row: Row, column: string): Side | string {
  const value = cellOf(row, column);
  if (isAbsent(value)) {
    return missing(row, column);
  }
  if (listOfMessages(value) !== null) {
    const messages = messagesOf(value, column);
    return typeof messages === "string" ? messages : { messages };
  }
  const text = textOf(value);
  return text === null
    ? `its ${quotedName(column)} is ${kindOf(value)}, neither text nor a list of messages`
    : { text };
}

/** The prompt of a row: by the pattern, or its column; null where the reading has neither. */
export function promptSideOf(row: Row, { pattern, columns }: Reading): Side | string | null {
  if (pattern !== null) {
    const { text, reason } = fillPattern(pattern, row);
    return text === null ? reason : { text };
  }
  return columns.prompt === undefined ? null : sideOf(row, columns.prompt);
}

/** A side as messages; its text is one message of the role. */
export function asMessages(side: Side, role: string): readonly ChatMessage[] {
  return "messages" in side ? side.messages : [{ role, content: side.text }];
}

/**
 * Two texts joined as they are, or one chat: text on one side is then a message of the user or the
 * assistant.
 * @param column of the completion, for the reason
 */
export function pairOf(
  row: Row,
  reading: Reading,
  sides: { prompt: Side; completion: Side },
  column: string,
): CompletionExample | ChatExample | string {
  const { prompt, completion } = sides;
  if ("text" in prompt && "text" in completion) {
    return completionOf(row, reading, prompt.text, completion.text);
  }
  const before = asMessages(prompt, "user");
  const answers = asMessages(completion, "assistant");
  return (
    answerFault(answers, column) ?? chatOf(row, reading, [...before, ...answers], before.length)
  );
}
