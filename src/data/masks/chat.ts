// Chats to tokens and the mask of what is trained.
import type { ChatExample } from "../example.ts";
import type {
  ChatMessage,
  ChatRequest,
  EncodedText,
  RenderedChat,
  TextTokenizer,
} from "../tokenizer.ts";
import { answersOf, answersToRenderAlone, type Answer } from "./answers.ts";
import { faultOf } from "./checks.ts";
import type { AnswerForm, AnswerForms } from "./form.ts";
import { formattedNotices, noticesOf, type Notice } from "./notices.ts";
import { joined, type Stretch } from "./stretches.ts";
import { overlapping } from "./tokens.ts";

/** A text with the tokens that are trained. */
export interface MaskedText {
  text: string;
  encoded: EncodedText;
  isTrained: boolean[];
  /** Tokens that the template wrote into an answer; they are trained like the answer's own. */
  isSupplied: boolean[];
  notices: Notice[];
  /** Why the row must not be trained, as a clause; null where nothing is wrong. */
  fault: string | null;
}

/** A refusal of the template: there is no text. */
export interface Unrendered {
  refusal: string;
}

/** The messages that are trained: of an assistant, not excluded by the row. */
export function trainedMessages({ messages, trainedFrom }: ChatExample): number[] {
  return messages.flatMap((message, index) =>
    index >= trainedFrom && message.role === "assistant" && !isExcluded(message) ? [index] : [],
  );
}

/** `weight` 0 as in OpenAI's format for fine-tuning; `train` false as in Axolotl's. */
function isExcluded({ weight, train }: ChatMessage): boolean {
  return weight === 0 || train === false;
}

/** One example of every trained answer: the messages up to it, of which only it is trained. */
export function eachAnswer(example: ChatExample): ChatExample[] {
  return trainedMessages(example).map((index) => ({
    ...example,
    messages: example.messages.slice(0, index + 1),
    trainedFrom: index,
  }));
}

/**
 * Renders chats, in order. Each is masked when it is called for, so that the tokens of one are
 * garbage before the next has any.
 * @throws UserError "bad-tokenizer" when the model has no chat template; the signal's AbortError
 */
export async function maskChats(
  examples: readonly ChatExample[],
  tokenizer: TextTokenizer,
  forms: AnswerForms,
  signal?: AbortSignal,
): Promise<(() => MaskedText | Unrendered)[]> {
  const requests = examples.map((example) => requestOf(example, example.messages.length));
  const chats = requests.length === 0 ? [] : await tokenizer.traceChats(requests, signal);
  const alone = await renderAlone(examples, chats, tokenizer, signal);
  const masks: (() => MaskedText | Unrendered)[] = [];
  for (const [index, example] of examples.entries()) {
    const chat = chats[index] ?? { refusal: "it gave no text" };
    if ("refusal" in chat) {
      masks.push(() => chat);
      continue;
    }
    const form = await forms.of(example, example.messages, signal);
    masks.push(() => {
      const answers = answersOf(chat, example.messages, form, alone[index] ?? new Map());
      return mask(example, chat, answers, tokenizer, form);
    });
  }
  return masks;
}

function mask(
  example: ChatExample,
  chat: RenderedChat,
  all: readonly Answer[],
  tokenizer: TextTokenizer,
  form: AnswerForm,
): MaskedText {
  const { messages } = example;
  const wanted = trainedMessages(example);
  const answers = all.filter(({ message }) => wanted.includes(message));
  const encoded = tokenizer.encodeWithOffsets(chat.text, false);
  const held = overlapping(encoded, untrainable(chat, wanted));
  const trained = overlapping(encoded, joined(answers.flatMap((answer) => answer.trained)));
  const isTrained = trained.map((is, place) => is && held[place] !== true);
  const own = overlapping(encoded, joined(answers.flatMap((answer) => answer.own)));
  const supplied = overlapping(encoded, joined(answers.flatMap((answer) => answer.supplied)));
  const masked = { chat, messages, form, encoded, answers, isTrained };
  const isOpen = form.ending?.trim() === "";
  const unended = answers.filter(({ ending }) => isOpen && ending === null).length;
  return {
    text: chat.text,
    encoded,
    isTrained,
    isSupplied: supplied.map((is, place) => is && own[place] !== true && isTrained[place] === true),
    notices: [
      ...noticesOf(chat, messages, example.trainedFrom),
      ...formattedNotices(messages, form),
      ...(form.isWithoutTools ? [toolsUnwritten] : []),
      ...(unended === 0 ? [] : [{ ...withoutEnd, messages: unended }]),
    ],
    fault: faultOf(masked, wanted),
  };
}

const toolsUnwritten: Notice = { kind: "unwritten", field: "tools", of: "row", messages: 1 };
const withoutEnd: Notice = { kind: "no-end", field: "", of: "answer", messages: 0 };

/** Text of messages that are not trained: no token that holds some is. */
function untrainable(chat: RenderedChat, wanted: readonly number[]): Stretch[] {
  return joined(
    chat.spans.filter(({ from, field }) => from >= 0 && field !== "role" && !wanted.includes(from)),
  );
}

async function renderAlone(
  examples: readonly ChatExample[],
  chats: readonly (RenderedChat | Unrendered)[],
  tokenizer: TextTokenizer,
  signal: AbortSignal | undefined,
): Promise<Map<number, RenderedChat>[]> {
  const wanted = examples.flatMap((example, index) => {
    const chat = chats[index];
    return chat === undefined || "refusal" in chat
      ? []
      : answersToRenderAlone(chat, example.messages).map((message) => ({
          index,
          example,
          message,
        }));
  });
  const requests = wanted.map(({ example, message }) => requestOf(example, message + 1));
  const texts = requests.length === 0 ? [] : await tokenizer.traceChats(requests, signal);
  const alone = examples.map(() => new Map<number, RenderedChat>());
  wanted.forEach(({ index, message }, place) => {
    const text = texts[place];
    if (text !== undefined && !("refusal" in text)) {
      alone[index]?.set(message, text);
    }
  });
  return alone;
}

function requestOf({ messages, tools, templateArguments }: ChatExample, end: number): ChatRequest {
  return {
    messages: messages.slice(0, end),
    addGenerationPrompt: false,
    tools,
    templateArguments,
  };
}
