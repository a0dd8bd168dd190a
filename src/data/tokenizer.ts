// The tokenizer as data/ uses it; model/tokenizer/tokenizer.ts implements it.

export interface ChatMessage {
  role: string;
  content: string;
}

/** A conversation for the model's chat template to write as text. */
export interface ChatRequest {
  messages: readonly ChatMessage[];
  /** Whether the text ends with what opens an assistant message. */
  addGenerationPrompt: boolean;
}

export interface TextTokenizer {
  /**
   * Token ids, with the special tokens that the tokenizer itself adds (as transformers'
   * `tokenizer(text)`).
   */
  encode(text: string): number[];
  /** Token ids of a rendered chat: the special tokens in it are found, none are added. */
  encodeRendered(text: string): number[];
  /**
   * The text of each chat. A template is foreign code: it may run elsewhere and be stopped.
   * @throws UserError "bad-tokenizer" when there is no template or it fails; the signal's
   * AbortError
   */
  renderChats(requests: readonly ChatRequest[], signal?: AbortSignal): Promise<string[]>;
  decode(tokens: readonly number[]): string;
  /** Text of the end-of-sequence token. */
  eosText: string;
}
