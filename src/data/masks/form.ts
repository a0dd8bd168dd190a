// How a chat template opens and ends an answer, found by rendering a greeting.
import { isRecord } from "../shapes/row/cell.ts";
import type { ChatMessage, ChatRequest, RenderedChat, TextTokenizer } from "../tokenizer.ts";
import { commonLength, isOwn, ownBegin, turnsOf, type Turn } from "./stretches.ts";

export interface AnswerForm {
  /** The text that add_generation_prompt appends, up to a thought that it opens; or "". */
  opening: string;
  /** Whether the template appends it unasked, too. */
  isAlwaysOpened: boolean;
  /**
   * What follows the content in the turn of an answer: the end-of-turn token and the newline
   * behind it. "" where a template writes none; null where it could not be found out.
   */
  ending: string | null;
  /** Whether there are tools, and the template writes none of them. */
  isWithoutTools: boolean;
}

/**
 * What opens a thought: `<think>`, `[THINK]`, `<|channel>thought`. A thought belongs to the answer,
 * also where the template opens it for the model: TRL's templates for training train it.
 */
const thoughtOpening = /[<[][^<>[\]\s]*(?:think|thought|reason|channel)/i;

/** Forms that are kept; a row with arguments of its own needs one of its own. */
const maxForms = 1000;

type Shared = Omit<ChatRequest, "messages" | "addGenerationPrompt">;

/** The forms of one template, by tools and arguments, which many rows share. */
export class AnswerForms {
  readonly #tokenizer: TextTokenizer;
  readonly #forms = new Map<string, Promise<AnswerForm>>();

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * @param messages a conversation with these tools and arguments, for a template that refuses the
   * greeting
   */
  of(
    { tools, templateArguments }: Shared,
    messages: readonly ChatMessage[],
    signal?: AbortSignal,
  ): Promise<AnswerForm> {
    const key = JSON.stringify([templateArguments ?? null, tools ?? null]);
    const known = this.#forms.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#forms.size === maxForms) {
      this.#forms.clear();
    }
    const found = this.#find({ tools, templateArguments }, messages, signal);
    this.#forms.set(key, found);
    found.catch(() => this.#forms.delete(key));
    return found;
  }

  async #find(
    shared: Shared,
    messages: readonly ChatMessage[],
    signal: AbortSignal | undefined,
  ): Promise<AnswerForm> {
    const lastQuestion = messages.findLastIndex(({ role }) => role !== "assistant");
    for (const prompt of [[question], messages.slice(0, lastQuestion + 1)]) {
      const [asked, unasked, answered] = await this.#tokenizer.traceChats(
        [
          { ...shared, messages: prompt, addGenerationPrompt: true },
          { ...shared, messages: prompt, addGenerationPrompt: false },
          { ...shared, messages: [question, answer, question, answer], addGenerationPrompt: false },
        ],
        signal,
      );
      if (isRendered(asked) && isRendered(unasked)) {
        const isWithoutTools = isWithoutAll(shared.tools ?? [], asked.text);
        return {
          ...formOf(asked, unasked, isRendered(answered) ? answered : null),
          isWithoutTools,
        };
      }
    }
    return { opening: "", isAlwaysOpened: false, ending: null, isWithoutTools: false };
  }
}

const question: ChatMessage = { role: "user", content: "Hello" };
const answer: ChatMessage = { role: "assistant", content: "Yes" };
const answerIndex = 1;

/** A tool is written with its name. */
function isWithoutAll(tools: readonly unknown[], text: string): boolean {
  const names = tools.flatMap((tool) => {
    const { function: inner = tool } = isRecord(tool) ? tool : {};
    const name = isRecord(inner) ? inner["name"] : undefined;
    return typeof name === "string" && name !== "" ? [name] : [];
  });
  return names.length > 0 && !names.some((name) => text.includes(name));
}

function isRendered(chat: RenderedChat | { refusal: string } | undefined): chat is RenderedChat {
  return chat !== undefined && !("refusal" in chat);
}

function formOf(
  asked: RenderedChat,
  unasked: RenderedChat,
  answered: RenderedChat | null,
): Omit<AnswerForm, "isWithoutTools"> {
  const turn = answered === null ? undefined : turnsOf(answered.spans).get(answerIndex);
  const ending = answered === null || turn === undefined ? null : endingOf(answered, turn);
  const appended = appendedTo(asked, unasked);
  // A text that no answer begins with opens none: some templates end every chat with a token.
  const isAlwaysOpened =
    asked.text === unasked.text &&
    appended !== "" &&
    answered !== null &&
    turn !== undefined &&
    answered.text.slice(turn.begin, ownBegin(turn)).includes(withoutThought(appended));
  const isOpening = asked.text !== unasked.text || isAlwaysOpened;
  return { opening: isOpening ? withoutThought(appended) : "", isAlwaysOpened, ending };
}

function appendedTo(asked: RenderedChat, unasked: RenderedChat): string {
  if (asked.text !== unasked.text && asked.text.startsWith(unasked.text)) {
    return asked.text.slice(unasked.text.length);
  }
  // The template always appends something, or ends the chat otherwise when not asked (Phi-3).
  const tail = asked.text.slice(endOfTurns(asked));
  return tail === "" ? asked.text.slice(commonLength(asked.text, unasked.text)) : tail;
}

/** Where the text of the last turn ends; what follows belongs to no message. */
export function endOfTurns(chat: RenderedChat): number {
  return chat.spans.findLast(({ turn }) => turn >= 0)?.end ?? 0;
}

function withoutThought(opening: string): string {
  const thought = opening.search(thoughtOpening);
  return thought < 0 ? opening : opening.slice(0, thought);
}

function endingOf({ text }: RenderedChat, turn: Turn): string {
  const content = turn.pieces.findLast((piece) => isOwn(piece, turn.message));
  return text.slice(content?.end ?? turn.end, turn.end);
}
