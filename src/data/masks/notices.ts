// What a row says and its text does not: fields and reasoning that a chat template leaves away.
import type { ChatMessage, RenderedChat } from "../tokenizer.ts";

/** Something to know about a row that is trained. */
export interface Notice {
  kind: "unwritten" | "cut" | "no-end";
  /** The field of a message that it is about; "reasoning" for a thought, whatever its field. */
  field: string;
  /** Messages of the row that it is about. */
  messages: number;
}

/** One sentence: "Reasoning of 2 answers is cut away by the chat template." */
export function describeNotice({ kind, field, messages }: Notice): string {
  const answers = `${messages} ${messages === 1 ? "answer" : "answers"}`;
  switch (kind) {
    case "unwritten":
      return `${capital(field)} of ${answers} is cut away by the chat template.`;
    case "cut":
      return `Part of the ${field} of ${answers} is cut away by the chat template.`;
    case "no-end":
      return "The chat template writes no end of turn after the last answer.";
  }
}

/** The names that a thought has in data sets; templates write one of them. */
const thoughtFields: readonly string[] = ["reasoning_content", "thinking", "reasoning"];

/** Fields that steer the training and are no text. */
const controls: ReadonlySet<string> = new Set(["role", "weight", "train"]);

/**
 * The fields of answers that the text does not hold, or not whole, counted over the row.
 * @param from messages before this index are a prompt
 */
export function noticesOf(
  chat: RenderedChat,
  messages: readonly ChatMessage[],
  from: number,
): Notice[] {
  const written = writtenFields(chat);
  return counted(
    messages.flatMap((message, index) =>
      index >= from && message.role === "assistant"
        ? lostOf(message, written.get(index) ?? new Map())
        : [],
    ),
  );
}

/** One notice of each kind and field. */
export function counted(notices: readonly Notice[]): Notice[] {
  const sums = new Map<string, Notice>();
  for (const { kind, field, messages } of notices) {
    const key = `${kind} ${field}`;
    sums.set(key, { kind, field, messages: (sums.get(key)?.messages ?? 0) + messages });
  }
  return [...sums.values()];
}

function lostOf(message: ChatMessage, written: ReadonlyMap<string, string>): Notice[] {
  const lost = (kind: Notice["kind"], field: string): Notice => ({ kind, field, messages: 1 });
  const isThoughtWritten = thoughtFields.some((field) => written.has(field));
  return Object.entries(message).flatMap(([field, value]) => {
    if (controls.has(field) || isEmpty(value)) {
      return [];
    }
    if (thoughtFields.includes(field)) {
      return isThoughtWritten ? [] : [lost("unwritten", "reasoning")];
    }
    const text = written.get(field);
    if (text === undefined) {
      return [lost("unwritten", field)];
    }
    if (typeof value !== "string" || visible(text).length >= visible(value).length) {
      return [];
    }
    return value.includes("</think>") ? [lost("unwritten", "reasoning")] : [lost("cut", field)];
  });
}

/** The text that came out of each field of each message. */
function writtenFields({ text, spans }: RenderedChat): Map<number, Map<string, string>> {
  const written = new Map<number, Map<string, string>>();
  let begin = 0;
  for (const { from, field, end } of spans) {
    if (from >= 0 && end > begin) {
      const fields = written.get(from) ?? new Map<string, string>();
      fields.set(field, (fields.get(field) ?? "") + text.slice(begin, end));
      written.set(from, fields);
    }
    begin = end;
  }
  return written;
}

/** Without what templates write themselves: spaces, and the marks around a thought. */
function visible(text: string): string {
  return text.replace(/<\/?think>|\s/g, "");
}

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    (typeof value === "string" && visible(value) === "") ||
    (Array.isArray(value) && value.length === 0)
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
