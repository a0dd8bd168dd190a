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
    const [parts, texts] = await this.#tokenizer.traceChats(
      [
        { messages: probe((text) => [{ type: "text", text }]), addGenerationPrompt: false },
        { messages: probe((text) => text), addGenerationPrompt: false },
      ],
      signal,
    );
    return (
      parts !== undefined &&
      texts !== undefined &&
      "text" in parts &&
      "text" in texts &&
      parts.text === texts.text
    );
  }
}

function probe(contentOf: (text: string) => unknown): ChatMessage[] {
  return [
    { role: "user", content: contentOf("Hello") },
    { role: "assistant", content: contentOf("Yes") },
  ];
}
