// Content as a list of parts: kept for a template that writes the parts' text, joined for others.
import type { ChatExample } from "../example.ts";
import { withTextContent } from "../shapes/row/content.ts";
import type { ChatMessage, TextTokenizer } from "../tokenizer.ts";

/** Decides for one template, once. */
export class ContentParts {
  readonly #tokenizer: TextTokenizer;
  #isTaken: Promise<boolean> | null = null;

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * The example as the template takes it.
   * @throws UserError "bad-tokenizer" when the model has no chat template; the signal's AbortError
   */
  async fit(example: ChatExample, signal?: AbortSignal): Promise<ChatExample> {
    if (!example.messages.some(({ content }) => Array.isArray(content))) {
      return example;
    }
    this.#isTaken ??= this.#probe(signal).catch((error: unknown) => {
      this.#isTaken = null;
      throw error;
    });
    return (await this.#isTaken)
      ? example
      : { ...example, messages: withTextContent(example.messages) };
  }

  /** Other templates refuse a list, write it as Python prints it, or write nothing. */
  async #probe(signal: AbortSignal | undefined): Promise<boolean> {
    const [chat] = await this.#tokenizer.traceChats(
      [{ messages: [said("user", "Hello"), said("assistant", "Yes")], addGenerationPrompt: false }],
      signal,
    );
    return (
      chat !== undefined &&
      "text" in chat &&
      chat.text.includes("Hello") &&
      chat.text.includes("Yes") &&
      !/["']type["']/.test(chat.text)
    );
  }
}

function said(role: string, text: string): ChatMessage {
  return { role, content: [{ type: "text", text }] };
}
