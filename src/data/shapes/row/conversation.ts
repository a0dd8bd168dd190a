// A cell with a conversation: a list of messages, its JSON text, or a struct of lists.
import type { ChatMessage } from "../../tokenizer.ts";
import { isAbsent, isRecord, kindOf, quoted, quotedName, textOf, unwrapJson } from "./cell.ts";
import { contentOf } from "./content.ts";
import { roleOfSender, roleOfSpeaker } from "./roles.ts";
import { toolCallsOf } from "./tool-calls.ts";
import { shortJson } from "../../../util/short-json.ts";

/** The cell as a list whose first entry could be a message; null for any other cell. */
export function listOfMessages(value: unknown): readonly unknown[] | null {
  const list = transposed(unwrapJson(value));
  if (!Array.isArray(list) || list.length === 0) {
    return null;
  }
  const [first] = list as unknown[];
  return isRecord(first) && ("role" in first || "from" in first) ? list : null;
}

/** Whether the cell's messages have ShareGPT's names, `from` and `value`. */
export function isShareGpt(value: unknown): boolean {
  const [first] = listOfMessages(value) ?? [];
  return isRecord(first) && "from" in first && !("role" in first);
}

/**
 * The messages of a cell, every field kept but those that are null: a table gives null to a field
 * that only other messages have.
 * @returns the reason, a clause about the row, where there are none
 */
export function messagesOf(value: unknown, column: string): ChatMessage[] | string {
  const list = transposed(unwrapJson(value));
  if (!Array.isArray(list)) {
    return notMessages(list, column);
  }
  if (list.length === 0) {
    return `its ${quotedName(column)} is an empty list`;
  }
  const messages: ChatMessage[] = [];
  for (const [index, entry] of (list as unknown[]).entries()) {
    const message = messageOf(entry);
    if (typeof message === "string") {
      return `message ${index + 1} of ${quotedName(column)} ${message}`;
    }
    messages.push(message);
  }
  return messages;
}

/** The reason why nothing of these messages can be learned, or null. */
export function answerFault(messages: readonly ChatMessage[], column: string): string | null {
  if (messages.some(({ role }) => role === "assistant")) {
    return null;
  }
  const roles = quoted([...new Set(messages.map(({ role }) => role))]);
  return `no message of ${quotedName(column)} has the role "assistant", so there is no answer to learn; the roles are ${roles}`;
}

function notMessages(value: unknown, column: string): string {
  // str() of a Python list, as DataFrame.to_csv writes it.
  if (typeof value === "string" && /^\s*\[\s*\{\s*'/.test(value)) {
    return `its ${quotedName(column)} is a Python list as text, not JSON; write it with json.dumps`;
  }
  return `its ${quotedName(column)} is ${kindOf(value)}, not a list of messages`;
}

/** `{role: [...], content: [...]}` as a list of messages; any other value as it is. */
function transposed(value: unknown): unknown {
  if (!isRecord(value)) {
    return value;
  }
  const columns = Object.entries(value);
  const lists = columns.flatMap(([, list]) => (Array.isArray(list) ? [list as unknown[]] : []));
  const [first] = lists;
  const isTable = lists.length === columns.length && lists.every((l) => l.length === first?.length);
  if (first === undefined || !isTable || !("role" in value || "from" in value)) {
    return value;
  }
  return first.map((_, index) =>
    Object.fromEntries(columns.map(([name], column) => [name, lists[column]?.[index]])),
  );
}

/** A message, or what is wrong with it. */
function messageOf(entry: unknown): ChatMessage | string {
  if (!isRecord(entry)) {
    return `is ${kindOf(entry)}, not an object with "role" and "content"`;
  }
  const { role, from, content, value, ...others } = entry;
  const speaker = textOf(role);
  const sender = textOf(from);
  if (speaker === null && sender === null) {
    return `has no "role"; it has ${quoted(Object.keys(entry))}`;
  }
  const given = isAbsent(content) ? value : content;
  const call = sender?.toLowerCase() === "function_call" ? toolCallsOf(given) : null;
  const read = call === null ? contentOf(given) : { content: "" };
  if (typeof read === "string") {
    return read;
  }
  const isTrained = isTrainedOf(others);
  if (typeof isTrained === "string") {
    return isTrained;
  }
  const kept = Object.entries(others).filter(([, field]) => !isAbsent(field));
  return {
    role: speaker === null ? roleOfSender(sender ?? "") : roleOfSpeaker(speaker),
    ...("content" in entry || "value" in entry ? read : {}),
    ...(call === null ? {} : { tool_calls: call }),
    ...Object.fromEntries(kept),
    ...(isTrained || others["weight"] === 0 ? {} : { train: false }),
  };
}

/**
 * Whether a message is trained: `weight` 0 or 1 as in OpenAI's format, `train` as in Axolotl's. An
 * answer that counts in part would need a weight for each token.
 */
function isTrainedOf(message: Readonly<Record<string, unknown>>): boolean | string {
  for (const name of ["weight", "train"]) {
    const value = message[name];
    const text = isAbsent(value) ? "1" : (textOf(value)?.trim().toLowerCase() ?? "");
    if (["0", "0.0", "false"].includes(text)) {
      return false;
    }
    if (!["1", "1.0", "true"].includes(text)) {
      return `has the ${name} ${shortJson(value)}, not 0 or 1`;
    }
  }
  return true;
}
