// Where a better and a worse answer part, as TRL's `extract_prompt` (trl/data_utils.py).
import type { ChatMessage } from "../../tokenizer.ts";
import { isRecord } from "./cell.ts";

/** Values nested deeper are taken as different; no message is nested so deep. */
const maxDepth = 100;

/**
 * UTF-16 index of the end of the shared prompt. As in TRL a space before it belongs to the answers,
 * and of equal texts the last character is the answer. Unlike TRL, it is never below 0.
 */
export function textsPartAt(chosen: string, rejected: string): number {
  const end = Math.min(chosen.length, rejected.length);
  let index = 0;
  while (index < end && chosen[index] === rejected[index]) {
    index++;
  }
  if (index === end) {
    return wholeCharacters(chosen, Math.max(0, end - 1));
  }
  const at = wholeCharacters(chosen, index);
  return chosen[at - 1] === " " ? at - 1 : at;
}

/** Number of messages in the shared prompt. Of equal lists the last message is the answer. */
export function messagesPartAt(
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
): number {
  const end = Math.min(chosen.length, rejected.length);
  const index = chosen.slice(0, end).findIndex((message, at) => !isEqual(message, rejected[at]));
  return index === -1 ? Math.max(0, end - 1) : index;
}

/** The index, or the one before where it would split a surrogate pair. */
function wholeCharacters(text: string, index: number): number {
  return /[\uD800-\uDBFF]/.test(text[index - 1] ?? "") ? index - 1 : index;
}

function isEqual(a: unknown, b: unknown, depth = 0): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (depth === maxDepth) {
    return false;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, at) => isEqual(item, b[at], depth + 1));
  }
  if (!isRecord(a) || !isRecord(b)) {
    return false;
  }
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name], depth + 1))
  );
}
