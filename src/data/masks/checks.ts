// What must hold of every row before it is trained: a row that fails is left out, never trained
// wrongly.
import type { ChatMessage, EncodedText, RenderedChat } from "../tokenizer.ts";
import type { Answer } from "./answers.ts";
import type { AnswerForm } from "./form.ts";
import { type Stretch } from "./stretches.ts";
import { isAnyMarked } from "./tokens.ts";

export interface MaskedChat {
  chat: RenderedChat;
  messages: readonly ChatMessage[];
  form: AnswerForm;
  encoded: EncodedText;
  /** The answers that are trained. */
  answers: readonly Answer[];
  isTrained: readonly boolean[];
}

/**
 * What is wrong with the mask, as a clause; null where it is right: every answer has trained
 * tokens, also of its own text; no token holds text of another role; the end of turn is trained.
 * @param wanted the messages whose answers shall be trained
 */
export function faultOf(masked: MaskedChat, wanted: readonly number[]): string | null {
  const ofAnother = textOfAnotherRole(masked);
  if (ofAnother !== null) {
    return `text of ${named(ofAnother)} (${masked.messages[ofAnother]?.role ?? ""}) would be trained`;
  }
  for (const message of wanted) {
    const answer = masked.answers.find((one) => one.message === message);
    const fault = answer === undefined ? notWritten : faultOfAnswer(masked, answer);
    if (fault !== null) {
      return `${fault} (${named(message)})`;
    }
  }
  return null;
}

const notWritten = "the chat template does not write the answer as a turn";

function faultOfAnswer(masked: MaskedChat, answer: Answer): string | null {
  const isAnyTrained = (stretches: readonly Stretch[]) =>
    stretches.some((stretch) => isAnyMarked(masked.encoded, masked.isTrained, stretch));
  if (!isAnyTrained(answer.trained)) {
    return "the answer has no trained token";
  }
  const message = masked.messages[answer.message];
  if (answer.own.length === 0 && hasContent(message)) {
    return "the chat template does not write the answer's text";
  }
  if (answer.own.length === 0 && hasCalls(message)) {
    return "the chat template does not write the answer's tool calls";
  }
  if (answer.own.length > 0 && !isAnyTrained(answer.own)) {
    return "the answer's own text has no trained token";
  }
  return isEndTrained(masked, answer) ? null : "the answer's end of turn is not trained";
}

function hasContent(message: ChatMessage | undefined): boolean {
  const content = message?.content;
  const parts: unknown[] = Array.isArray(content) ? content : [content];
  return parts.some((part) => {
    const text: unknown =
      typeof part === "object" && part !== null && "text" in part ? part.text : part;
    return typeof text === "string" && text.trim() !== "";
  });
}

function hasCalls(message: ChatMessage | undefined): boolean {
  const calls = message?.["tool_calls"];
  return Array.isArray(calls) && calls.length > 0;
}

/** Where the template writes no end of turn, or continues the turn in the next answer, all is. */
function isEndTrained(masked: MaskedChat, { message, ending }: Answer): boolean {
  if (ending !== null) {
    const end = { begin: ending, end: ending + 1 };
    return isAnyMarked(masked.encoded, masked.isTrained, end);
  }
  const next = masked.messages.slice(message + 1).find(({ role }) => role !== "tool");
  return next?.role === "assistant" || masked.form.ending?.trim() === "";
}

function textOfAnotherRole({ chat, messages, encoded, isTrained }: MaskedChat): number | null {
  const trained = chat.spans.find(
    (piece) =>
      piece.from >= 0 &&
      piece.field !== "role" &&
      piece.begin < piece.end &&
      messages[piece.from]?.role !== "assistant" &&
      isAnyMarked(encoded, isTrained, piece),
  );
  return trained?.from ?? null;
}

function named(message: number): string {
  return `message ${message + 1}`;
}
