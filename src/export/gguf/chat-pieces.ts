// Takes a chat template apart into the texts that it puts around messages, by rendering
// conversations of marked messages. Programs that do not run Jinja need a template of their own.
import type { ChatMessage, ChatRequest } from "../../data/tokenizer.ts";
import type { ModelTokenizer } from "../../model/tokenizer/tokenizer.ts";
import { UserError } from "../../util/errors.ts";

/** The text of a chat is these pieces with the messages between them. */
export interface ChatPieces {
  /** Before everything where the first message is not the system's; "" for most templates. */
  withoutSystem: string;
  /** Around the system's message; null where the template takes none. */
  system: readonly [before: string, after: string] | null;
  /** Whether the first user's message follows the system's without `user[0]` (Gemma). */
  joinsSystem: boolean;
  user: readonly [before: string, after: string];
  assistant: readonly [before: string, after: string];
  /** Opens the answer. */
  opening: string;
}

const marks = { system: "Sy5t3m", user: "Us3r0ne", answer: "4nsw3r0ne", next: "Us3rTw0" };
const [system, user, assistant, next]: ChatMessage[] = [
  { role: "system", content: marks.system },
  { role: "user", content: marks.user },
  { role: "assistant", content: marks.answer },
  { role: "user", content: marks.next },
];

/** How a conversation is rendered; null where the template refuses it. */
type Render = (
  messages: readonly (ChatMessage | undefined)[],
  addGenerationPrompt?: boolean,
) => Promise<string | null>;

/**
 * @param now the time that a template prints; the present unless given
 * @returns null where the template is more than such pieces, or there is none
 * @throws the signal's AbortError
 */
export async function chatPiecesOf(
  tokenizer: ModelTokenizer,
  signal: AbortSignal,
  now?: Date,
): Promise<ChatPieces | null> {
  const render: Render = async (messages, addGenerationPrompt = true) =>
    await rendered(
      tokenizer,
      { messages: messages.filter((message) => message !== undefined), addGenerationPrompt },
      signal,
      now,
    );
  const dialogue = await render([user, assistant, next]);
  const parts = dialogue === null ? null : split(dialogue, [marks.user, marks.answer, marks.next]);
  const alone = await render([user]);
  const [, tail] = (alone === null ? null : split(alone, [marks.user])) ?? [];
  if (parts === null || tail === undefined) {
    return null;
  }
  const closed = (await render([user], false)) ?? "";
  const opening = alone?.startsWith(closed) === true ? alone.slice(closed.length) : "";
  const pieces = piecesOf(parts, tail, opening, await render([system, user]));
  return (await isFaithful(pieces, render)) ? pieces : null;
}

/** The text that pieces give a conversation whose answer is wanted. */
export function textOfPieces(pieces: ChatPieces, messages: readonly ChatMessage[]): string {
  const texts = messages.map(({ role, content }, i) => {
    const around = role === "system" ? pieces.system : pieces[role as "user" | "assistant"];
    const [before, after] = around ?? ["", ""];
    const isJoined = pieces.joinsSystem && i === 1 && messages[0]?.role === "system";
    return (isJoined ? "" : before) + String(content) + after;
  });
  const first = messages[0]?.role === "system" ? "" : pieces.withoutSystem;
  return first + texts.join("") + pieces.opening;
}

/** @param dialogue what stands before, between and after user, answer and user */
function piecesOf(
  [head = "", between = "", behind = ""]: readonly string[],
  tail: string,
  opening: string,
  withSystem: string | null,
): ChatPieces {
  const userAfter = tail.slice(0, tail.length - opening.length);
  const assistantBefore = between.slice(userAfter.length);
  const userBefore = behind.startsWith(userAfter)
    ? behind.slice(userAfter.length)
    : commonEnd(head, behind);
  const [systemBefore, middle] = split(withSystem ?? "", [marks.system, marks.user]) ?? [];
  const isKnown = systemBefore !== undefined && middle !== undefined;
  const joinsSystem = isKnown && !middle.endsWith(userBefore);
  const systemAfter = joinsSystem ? middle : middle?.slice(0, middle.length - userBefore.length);
  return {
    withoutSystem: head.slice(0, head.length - userBefore.length),
    system: isKnown ? [systemBefore, systemAfter ?? ""] : null,
    joinsSystem,
    user: [userBefore, userAfter],
    assistant: [assistantBefore, behind.slice(0, behind.length - userBefore.length)],
    opening,
  };
}

/** Whether the pieces give what the template gives, of longer chats too. */
async function isFaithful(pieces: ChatPieces, render: Render): Promise<boolean> {
  const chats = [[user], [user, assistant, next], [user, assistant, next, assistant, user]];
  const all =
    pieces.system === null ? chats : [...chats, ...chats.map((chat) => [system, ...chat])];
  for (const chat of all) {
    const messages = chat.filter((message) => message !== undefined);
    if ((await render(messages)) !== textOfPieces(pieces, messages)) {
      return false;
    }
  }
  return true;
}

/** A chat without the begin token; null where the template refuses it. */
async function rendered(
  tokenizer: ModelTokenizer,
  request: ChatRequest,
  signal: AbortSignal,
  now: Date | undefined,
): Promise<string | null> {
  try {
    const [text = ""] = await tokenizer.renderChats([request], signal, now);
    return text.slice(beginOf(tokenizer, text).length);
  } catch (error) {
    if (error instanceof UserError) {
      return null;
    }
    throw error;
  }
}

/** The begin token, which a program that tokenises the text adds itself. */
function beginOf(tokenizer: ModelTokenizer, text: string): string {
  const [first] = tokenizer.encode("");
  const begin = first === undefined ? "" : tokenizer.decodeToken(first);
  return begin !== "" && text.startsWith(begin) ? begin : "";
}

/** What stands around the marks; null unless each occurs once, in this order. */
function split(text: string, wanted: readonly string[]): string[] | null {
  const parts: string[] = [];
  let rest = text;
  for (const mark of wanted) {
    const [before = "", after, more] = rest.split(mark);
    if (after === undefined || more !== undefined) {
      return null;
    }
    parts.push(before);
    rest = after;
  }
  return [...parts, rest];
}

function commonEnd(a: string, b: string): string {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.at(-length - 1) === b.at(-length - 1)) {
    length++;
  }
  return a.slice(a.length - length);
}
