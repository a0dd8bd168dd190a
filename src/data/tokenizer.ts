// What data needs of a tokenizer; model/tokenizer.ts provides it.

export interface ChatMessage {
  role: string;
  content: string;
}

/** A conversation to be written as the model's chat template writes it. */
export interface ChatRequest {
  messages: readonly ChatMessage[];
  /** Whether what opens an answer follows. */
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
