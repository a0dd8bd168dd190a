// The tokenizer as data/ uses it; model/tokenizer/tokenizer.ts implements it.

/**
 * A message as the row has it: every field reaches the template. `content` is a text, null, absent
 * or a list of parts.
 */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/** A conversation for the model's chat template to write as text. */
export interface ChatRequest {
  messages: readonly ChatMessage[];
  /** Whether the text ends with what opens an assistant message. */
  addGenerationPrompt: boolean;
  tools?: readonly unknown[] | undefined;
  /** Further variables of the template, as transformers' `chat_template_kwargs`. */
  templateArguments?: Readonly<Record<string, unknown>> | undefined;
}

/** A stretch of a rendered chat, in UTF-16 indices: from `begin` to before `end`. */
export interface TextSpan {
  /** Where the one before ends; of the first 0. */
  begin: number;
  end: number;
  /** Index of the message whose turn of the template's loop printed it; -1 for no turn. */
  turn: number;
  /** Index of the message out of whose fields it came; -1 where the template wrote it. */
  from: number;
  /**
   * That field: "role", "content", "reasoning_content", "tool_calls"; "" where from is -1, and for
   * the brackets of a message that was printed as a whole.
   */
  field: string;
  /** Whether it was printed within a `{% generation %}` block. */
  isGeneration: boolean;
}

/** The text of a chat with the origin of every character. */
export interface RenderedChat {
  text: string;
  /** They cover the whole text; empty for an empty text. */
  spans: readonly TextSpan[];
  /** Whether the template has `{% generation %}` blocks. */
  hasGenerationBlocks: boolean;
}

/** Tokens with the stretch of text that each stands for. */
export interface EncodedText {
  tokens: readonly number[];
  /**
   * UTF-16 index in the text where each token begins and ends. A token that the tokenizer itself
   * added has an empty stretch. Tokens of one character's bytes share its stretch.
   */
  begins: readonly number[];
  ends: readonly number[];
}

export interface TextTokenizer {
  /**
   * Token ids, with the special tokens that the tokenizer itself adds (as `tokenizer(text)` with
   * AutoTokenizer of transformers 5.24).
   */
  encode(text: string): number[];
  /** Token ids of a rendered chat: the special tokens in it are found, none are added. */
  encodeRendered(text: string): number[];
  /**
   * As `encode` (addSpecialTokens) or `encodeRendered`, with the place of each token in the text,
   * as transformers' `return_offsets_mapping`.
   */
  encodeWithOffsets(text: string, addSpecialTokens: boolean): EncodedText;
  /**
   * The text of each chat. A template is foreign code: it may run elsewhere and be stopped.
   * @throws UserError "bad-tokenizer" when there is no template or it fails; the signal's
   * AbortError
   */
  renderChats(requests: readonly ChatRequest[], signal?: AbortSignal): Promise<string[]>;
  /**
   * As `renderChats`, with the origin of every character. A chat that the template refuses gives
   * the reason.
   * @throws UserError "bad-tokenizer" when there is no template; the signal's AbortError
   */
  traceChats(
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
  ): Promise<(RenderedChat | { refusal: string })[]>;
  decode(tokens: readonly number[]): string;
  /** Whether there is a chat template. */
  hasChatTemplate: boolean;
  /** Text of the end-of-sequence token. */
  eosText: string;
}
