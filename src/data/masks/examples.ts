// Rows of data to token ids and the mask of what is trained.
//
// Prompt and completion of text are never tokenised apart and joined: a tokenizer may merge
// characters across the boundary, and the model must train on the tokens that it will see. So the
// whole text is tokenised, and the trained part begins where its tokens stop being those of the
// prompt alone, as in TRL's SFTTrainer (trl/trainer/sft_trainer.py, tokenize_fn). Chats are in
// answers.ts.
import type { ChatExample, CompletionExample, Example, TextExample } from "../example.ts";
import { withSystem, type PromptForm } from "../prompt-form.ts";
import type { TextTokenizer } from "../tokenizer.ts";
import {
  eachAnswer,
  maskChats,
  trainedMessages,
  type MaskedText,
  type Unrendered,
} from "./chat.ts";
import { ToolArguments } from "./arguments.ts";
import { AnswerForms } from "./form.ts";
import { promptFormOf, trainedForm, type TemplateUse } from "./form-of-row.ts";
import { ContentParts } from "./parts.ts";
import { counted, joinNotices, type Notice } from "./notices.ts";
import { markedTexts, tokenTexts } from "./tokens.ts";
import { windowsOf, type Window } from "./windows.ts";

export interface TokenizedExample {
  line: number;
  /** Index of the row's file. */
  file: number;
  tokens: number[];
  /** Whether the loss counts the token (as a target). */
  isTrained: boolean[];
  /** Tokens before cutting. */
  fullLength: number;
  /** The row's weight in the loss. Absent: 1. */
  weight?: number;
}

export interface TokenizeOptions {
  /** Longer examples are cut on the right, in tokens. */
  maxLength: number;
  /** Tokens of a window of a long text; maxLength unless given. */
  windowLength?: number;
  /** false trains the prompt too. */
  completionOnly: boolean;
  /**
   * Whether a chat is one example, as in TRL, or one for each of its answers, rendered as it will
   * be when the model has to give it.
   */
  multiTurn: "whole" | "each";
  /** Whether prompts and completions of text go through the chat template, where there is one. */
  template: TemplateUse;
}

/**
 * Why a row is left out: no run trains its kind yet; the template refuses it; it excludes all its
 * answers; the mask would be wrong; maxLength leaves nothing to train.
 */
export type LeftBecause = "preference" | "refused" | "excluded" | "mask" | "cut";

export interface LeftRow {
  /** The reason in words, as a clause without a full stop. */
  left: string;
  because: LeftBecause;
  /** Tokens before cutting, of the row's longest example; 0 where it has no tokens. */
  fullLength: number;
}

/** What became of a row: one example, one of each answer, or none. */
export type TokenizedRow = ({ rows: TokenizedExample[] } | LeftRow) & { notices: Notice[] };

export interface PreviewedToken {
  id: number;
  text: string;
  /** In the mask, which is TRL's. */
  isTrained: boolean;
  /** In the loss: in the mask, and with a token before it that predicts it. */
  isTarget: boolean;
  /** Written by the template within an answer, such as an empty thought. */
  isSupplied: boolean;
}

/** One text that a row becomes. */
export interface PreviewedText {
  tokens: PreviewedToken[];
  /** Each longest stretch of the mask as text. */
  trainedTexts: string[];
  /** Tokens before cutting. */
  fullLength: number;
}

export interface RowPreview {
  texts: PreviewedText[];
  /** Why the row is left out; null where it is trained. */
  left: string | null;
  notices: Notice[];
}

/** Trained tokens of a row. The first token is no target: nothing before it predicts it. */
export function countTrained({ isTrained }: Pick<TokenizedExample, "isTrained">): number {
  return isTrained.reduce((count, is, place) => (is && place > 0 ? count + 1 : count), 0);
}

/** Tokenises rows of one data set; it keeps what they share. */
export class ExampleTokenizer {
  readonly #tokenizer: TextTokenizer;
  readonly #options: TokenizeOptions;
  readonly #forms: AnswerForms;
  readonly #contentParts: ContentParts;
  readonly #toolArguments: ToolArguments;

  constructor(tokenizer: TextTokenizer, options: TokenizeOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#forms = new AnswerForms(tokenizer);
    this.#contentParts = new ContentParts(tokenizer);
    this.#toolArguments = new ToolArguments(tokenizer);
  }

  /**
   * What becomes of each row, in order. Rows are rendered together: some 100 a call keep the call
   * to a worker cheap and the texts few. A row is tokenised when it is taken.
   * @throws UserError "bad-tokenizer" when a row is a chat and the model has no chat template; the
   * signal's AbortError
   */
  async tokenize(
    examples: readonly Example[],
    signal?: AbortSignal,
  ): Promise<Iterable<TokenizedRow>> {
    const masks = await this.#mask(examples, signal);
    return this.#finishEach(examples, masks);
  }

  *#finishEach(
    examples: readonly Example[],
    masks: readonly (() => MaskedRow)[],
  ): Generator<TokenizedRow, void> {
    for (const [index, example] of examples.entries()) {
      yield this.#finish(example, masks[index]?.() ?? nothing);
    }
  }

  /** One row as its reader sees it: tokens with their marks, trained stretches, and the reason. */
  async preview(example: Example, signal?: AbortSignal): Promise<RowPreview> {
    const [mask] = await this.#mask([example], signal);
    const masked = mask?.() ?? nothing;
    const row = this.#finish(example, masked);
    const isLeft = "left" in row;
    return {
      texts: masked.texts.map((text) => this.#show(text, isLeft)),
      left: isLeft ? row.left : null,
      notices: row.notices,
    };
  }

  /** How a prompt must be given to a model that is trained on the row. */
  promptFormOf(example: Example): PromptForm {
    return promptFormOf(this.#trainedForm(example));
  }

  #trainedForm(example: Example): TrainedExample {
    const { template } = this.#options;
    const shown: TrainedExample = example.kind === "preference" ? example.chosen : example;
    return trainedForm(shown, template, this.#tokenizer.hasChatTemplate);
  }

  async #mask(
    examples: readonly Example[],
    signal: AbortSignal | undefined,
  ): Promise<(() => MaskedRow)[]> {
    const shown = examples.map((example) => this.#trainedForm(example));
    const parts = await Promise.all(
      shown.map(async (example) =>
        example.kind === "chat" ? this.#parts(await this.#fit(example, signal)) : [],
      ),
    );
    const chats = await maskChats(parts.flat(), this.#tokenizer, this.#forms, signal);
    let end = 0;
    return shown.map((example, index) => {
      if (example.kind !== "chat") {
        return () => ({ texts: this.#maskPlain(example), refusal: null });
      }
      const begin = end;
      end += parts[index]?.length ?? 0;
      const masks = chats.slice(begin, end);
      return () => maskedRow(masks.map((mask) => mask()));
    });
  }

  async #fit(example: ChatExample, signal: AbortSignal | undefined): Promise<ChatExample> {
    const ofParts = await this.#contentParts.fit(example, signal);
    return await this.#toolArguments.fit(ofParts, signal);
  }

  #parts(example: ChatExample): ChatExample[] {
    const each = this.#options.multiTurn === "each" ? eachAnswer(example) : [];
    return each.length > 0 ? each : [example];
  }

  #maskPlain(example: TextExample | CompletionExample): MaskedText[] {
    const tokenizer = this.#tokenizer;
    const { eosText } = tokenizer;
    if (example.kind === "completion") {
      const { completion } = example;
      const prompt = withSystem(example.system ?? "", example.prompt);
      const text = prompt + completion + (completion.endsWith(eosText) ? "" : eosText);
      const encoded = tokenizer.encodeWithOffsets(text, true);
      const masked = plainMask(
        { text, encoded },
        commonPrefix(tokenizer.encode(prompt), encoded.tokens),
      );
      return [{ ...masked, notices: joinNotices(example.prompt, completion) }];
    }
    const { text, windows } = example;
    const ending = text.endsWith(eosText) || windows?.continues === true ? "" : eosText;
    if (windows === undefined) {
      const whole = text + ending;
      return [plainMask({ text: whole, encoded: tokenizer.encodeWithOffsets(whole, true) }, 0)];
    }
    const { windowLength = this.#options.maxLength } = this.#options;
    const all = windowsOf(text, ending, tokenizer, windowLength);
    return all.map((part) => plainMask(part, 0));
  }

  #finish(example: Example, { texts, refusal }: MaskedRow): TokenizedRow {
    const notices = counted(texts.flatMap((text) => text.notices));
    const fullLength = Math.max(0, ...texts.map(({ encoded }) => encoded.tokens.length));
    const leave = (because: LeftBecause, left: string) => ({ left, because, fullLength, notices });
    if (example.kind === "preference") {
      return leave(
        "preference",
        "preference training is not available yet; the chosen answer is shown",
      );
    }
    if (example.isUnwanted === true) {
      return leave(
        "preference",
        "its label is false: the answer is not wanted, and none is trained",
      );
    }
    if (example.weight === 0) {
      return leave("excluded", "its weight is 0");
    }
    if (refusal !== null) {
      return leave("refused", `the chat template refuses it: ${withWayOut(refusal, example)}`);
    }
    if (this.#options.completionOnly) {
      if (example.kind === "chat" && trainedMessages(example).length === 0) {
        return leave("excluded", "no answer of the row is to be trained");
      }
      const fault = texts.find((text) => text.fault !== null)?.fault;
      if (fault != null) {
        return leave("mask", fault);
      }
    }
    const rows = texts
      .map((text) => this.#cut(example, text))
      .filter((row) => countTrained(row) > 0);
    const { maxLength } = this.#options;
    if (rows.length > 0) {
      return { rows, notices };
    }
    return fullLength > maxLength
      ? leave(
          "cut",
          `maxLength (${maxLength} tokens) ends before its first trained token; it has ${fullLength} tokens`,
        )
      : leave("mask", "it has no token that another one predicts");
  }

  #cut({ line, file, weight }: Example, text: MaskedText): TokenizedExample {
    const { maxLength } = this.#options;
    const { tokens } = text.encoded;
    return {
      line,
      file,
      ...(weight === undefined ? {} : { weight }),
      tokens: tokens.slice(0, maxLength),
      isTrained: this.#trained(text).slice(0, maxLength),
      fullLength: tokens.length,
    };
  }

  #trained({ isTrained }: MaskedText): boolean[] {
    return this.#options.completionOnly ? isTrained : isTrained.map(() => true);
  }

  #show(masked: MaskedText, isLeft: boolean): PreviewedText {
    const { text, encoded, isSupplied } = masked;
    const { maxLength } = this.#options;
    const marked = this.#trained(masked).slice(0, maxLength);
    const isTrained = isLeft ? marked.map(() => false) : marked;
    const texts = tokenTexts(text, encoded);
    return {
      tokens: isTrained.map((is, place) => ({
        id: encoded.tokens[place] ?? 0,
        text: texts[place] ?? "",
        isTrained: is,
        isTarget: is && place > 0,
        isSupplied: isSupplied[place] === true,
      })),
      trainedTexts: markedTexts(text, encoded, isTrained),
      fullLength: encoded.tokens.length,
    };
  }
}

type TrainedExample = TextExample | CompletionExample | ChatExample;

/** The texts of a row before cutting; several with multiTurn "each". */
interface MaskedRow {
  texts: MaskedText[];
  /** Why the chat template gave no text. */
  refusal: string | null;
}

function maskedRow(chats: readonly (MaskedText | Unrendered)[]): MaskedRow {
  const refused = chats.find((chat) => "refusal" in chat);
  return {
    texts: chats.flatMap((chat) => ("refusal" in chat ? [] : [chat])),
    refusal: refused?.refusal ?? null,
  };
}

const nothing: MaskedRow = { texts: [], refusal: "it gave no text" };

/** Gemma 2's template takes no system message, and says no more; nor do others of a content. */
function withWayOut(refusal: string, example: Example): string {
  if (/system/i.test(refusal)) {
    const raw = example.kind === "completion" ? ', or choose template "raw"' : "";
    return `${refusal}; leave the system message out${raw}`;
  }
  const messages = example.kind === "chat" && refusal.includes("'content'") ? example.messages : [];
  const bare = messages.findIndex(({ content }) => content == null);
  return bare === -1 ? refusal : `${refusal}; message ${bare + 1} has no "content"`;
}

/** @param prompt tokens that are not trained */
function plainMask({ text, encoded }: Window, prompt: number): MaskedText {
  return {
    text,
    encoded,
    isTrained: encoded.tokens.map((_, place) => place >= prompt),
    isSupplied: encoded.tokens.map(() => false),
    notices: [],
    fault: null,
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) {
    length++;
  }
  return length;
}
