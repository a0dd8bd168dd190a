// The content of a message: text, null, or a list of parts of text.
import type { ChatMessage } from "../../tokenizer.ts";
import { isAbsent, isRecord, kindOf, textOf } from "./cell.ts";
import { shortJson } from "../../../util/short-json.ts";

/**
 * The content as a template takes it. A list stays a list: templates differ in what they do with
 * one.
 * @returns what is wrong with it, as a clause about the message
 */
export function contentOf(value: unknown): { content: unknown } | string {
  if (isAbsent(value)) {
    return { content: null };
  }
  if (!Array.isArray(value)) {
    const text = textOf(value);
    return text === null ? `has ${kindOf(value)} as its content, not text` : { content: text };
  }
  const parts: unknown[] = [];
  for (const entry of value as unknown[]) {
    const part = partOf(entry);
    if (typeof part === "string") {
      return part;
    }
    parts.push(part);
  }
  return { content: parts };
}

/** A part of type text. A table gives null to fields that only other parts have. */
function partOf(entry: unknown): object | string {
  if (typeof entry === "string") {
    return { type: "text", text: entry };
  }
  if (!isRecord(entry)) {
    return `has a part that is ${kindOf(entry)}, not text`;
  }
  const { type = "text" } = entry;
  const text = textOf(entry["text"]);
  if (type !== "text" && type !== null) {
    return `has a part of type ${shortJson(type)}; Anneal trains on text only`;
  }
  if (text === null) {
    return "has a part without text";
  }
  const fields = Object.entries(entry).filter(([, field]) => !isAbsent(field));
  return { ...Object.fromEntries(fields), type: "text", text };
}

/**
 * The messages with each list of parts joined to one text without anything between, for a template
 * that takes text only.
 */
export function withTextContent(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message) =>
    Array.isArray(message.content)
      ? { ...message, content: joined(message.content as unknown[]) }
      : message,
  );
}

function joined(parts: readonly unknown[]): string {
  return parts.map((part) => (isRecord(part) ? (textOf(part["text"]) ?? "") : "")).join("");
}
