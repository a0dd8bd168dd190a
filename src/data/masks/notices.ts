// What a row says and its text does not: fields and reasoning that a chat template leaves away.
import type { ChatMessage, RenderedChat } from "../tokenizer.ts";
import { shortJson } from "../../util/short-json.ts";

/** Something to know about a row that is trained. */
export interface Notice {
  kind: "unwritten" | "cut" | "no-end" | "joined" | "formatted";
  /**
   * The field of a message that it is about; "reasoning" for a thought, whatever its field; "tools"
   * for those of the row. Of "formatted" the token that ends or opens a turn.
   */
  field: string;
  /** What has the field: answers, other messages, or the row itself. */
  of: "answer" | "message" | "row";
  /** Messages of the row that it is about. */
  messages: number;
}

/** One sentence: "Reasoning of 2 answers is cut away by the chat template." */
export function describeNotice({ kind, field, of, messages }: Notice): string {
  if (kind === "joined") {
    return "Prompt and completion are joined without a space between them. A prompt pattern can put one there.";
  }
  if (kind === "formatted") {
    return `The text of the row holds ${shortJson(field)}, which the chat template writes, too. Prompts that are formatted already need template "raw".`;
  }
  if (of === "row") {
    return `The chat template does not write the ${field} of the row.`;
  }
  const owners = `${messages} ${of}${messages === 1 ? "" : "s"}`;
  switch (kind) {
    case "unwritten":
      return `${capital(field)} of ${owners} is cut away by the chat template.`;
    case "cut":
      return `Part of the ${field} of ${owners} is cut away by the chat template.`;
    case "no-end":
      return `The chat template writes no end of turn after ${owners}.`;
  }
}

/** The names that a thought has in data sets; templates write one of them. */
const thoughtFields: readonly string[] = ["reasoning_content", "thinking", "reasoning"];

/** Fields that steer the training and are no text. */
const controls: readonly string[] = ["role", "weight", "train"];
/** Names of a call and its result, for programs; few templates write them. */
const ids: readonly string[] = ["id", "tool_call_id"];

/**
 * The fields of messages that the text does not hold, or not whole, counted over the row. Of a
 * message that is no answer to train, thoughts are the past: templates cut them for good reason.
 * @param from messages before this index are a prompt
 */
export function noticesOf(
  chat: RenderedChat,
  messages: readonly ChatMessage[],
  from: number,
): Notice[] {
  const written = writtenFields(chat);
  return counted(
    messages.flatMap((message, index) => {
      const isAnswer = message.role === "assistant";
      if (isAnswer && index < from) {
        return [];
      }
      const of = isAnswer ? "answer" : "message";
      return lostOf(message, written.get(index) ?? new Map(), of);
    }),
  );
}

/** Texts without a space between them are rarely meant, but only their author knows. */
export function joinNotices(prompt: string, completion: string): Notice[] {
  return /\S$/u.test(prompt) && /^[\p{L}\p{N}]/u.test(completion)
    ? [{ kind: "joined", field: "", of: "row", messages: 1 }]
    : [];
}

/** A text that holds the template's own tokens was formatted before, and is so again. */
export function formattedNotices(
  messages: readonly ChatMessage[],
  { opening, ending }: { opening: string; ending: string | null },
): Notice[] {
  const tokens = [ending ?? "", opening].map((text) => text.trim()).filter(isMark);
  const field = tokens.find((token) =>
    messages.some(({ content }) => typeof content === "string" && content.includes(token)),
  );
  return field === undefined ? [] : [{ kind: "formatted", field, of: "row", messages: 1 }];
}

/** Templates of words alone, as "Answer:", have no token that a text cannot hold by chance. */
function isMark(text: string): boolean {
  return /^[<[｜|]/u.test(text);
}

/** One notice of each kind and field. */
export function counted(notices: readonly Notice[]): Notice[] {
  const sums = new Map<string, Notice>();
  for (const { messages, ...notice } of notices) {
    const key = JSON.stringify(notice);
    sums.set(key, { ...notice, messages: (sums.get(key)?.messages ?? 0) + messages });
  }
  return [...sums.values()];
}

function lostOf(
  message: ChatMessage,
  written: ReadonlyMap<string, string>,
  of: Notice["of"],
): Notice[] {
  const lost = (kind: Notice["kind"], field: string): Notice => ({ kind, field, of, messages: 1 });
  // The result of a call stands behind the call, which names the tool.
  const silent = [...controls, ...ids, ...(message.role === "tool" ? ["name"] : [])];
  const isThoughtWritten = thoughtFields.some((field) => written.has(field));
  return Object.entries(message).flatMap(([field, value]) => {
    if (silent.includes(field) || isEmpty(value)) {
      return [];
    }
    if (thoughtFields.includes(field)) {
      return isThoughtWritten ? [] : [lost("unwritten", "reasoning")];
    }
    const text = written.get(field);
    if (text === undefined) {
      return [lost("unwritten", field)];
    }
    if (
      typeof value !== "string" ||
      text === value ||
      visible(text).length >= visible(value).length
    ) {
      return [];
    }
    return value.includes("</think>") ? [lost("unwritten", "reasoning")] : [lost("cut", field)];
  });
}

/** The text that came out of each field of each message. */
function writtenFields({ text, spans }: RenderedChat): Map<number, Map<string, string>> {
  const written = new Map<number, Map<string, string>>();
  for (const { from, field, begin, end } of spans) {
    if (from >= 0 && end > begin) {
      const fields = written.get(from) ?? new Map<string, string>();
      fields.set(field, (fields.get(field) ?? "") + text.slice(begin, end));
      written.set(from, fields);
    }
  }
  return written;
}

/** Without what templates write themselves: spaces, and the marks around a thought. */
function visible(text: string): string {
  return text.replace(/<\/?think>|\s/g, "");
}

/** Says of most texts, without a search through them, that they are not empty. */
const beginsVisibly = /^\s*[^\s<]/;

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    (typeof value === "string" && !beginsVisibly.test(value) && visible(value) === "") ||
    (Array.isArray(value) && value.length === 0)
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
