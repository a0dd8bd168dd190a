// What data needs of a tokenizer; model/tokenizer.ts provides it.

export interface ChatMessage {
  role: string;
  content: string;
}

export interface TextTokenizer {
  /** Token ids, with the special tokens that the tokenizer itself adds (as transformers' `tokenizer(text)`). */
  encode(text: string): number[];
  /** Token ids of the messages through the chat template, no special tokens added a second time. */
  encodeChat(messages: readonly ChatMessage[], addGenerationPrompt: boolean): number[];
  decode(tokens: readonly number[]): string;
  /** Text of the end-of-sequence token. */
  eosText: string;
}
