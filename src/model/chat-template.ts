// Chat messages to text through the model's own Jinja template, as transformers' apply_chat_template renders it.
import { Template } from "@huggingface/jinja";
import type { ChatRequest } from "../data/tokenizer.ts";
import { UserError } from "../util/errors.ts";

/** Rendered text above this is a runaway template, not a conversation. */
const maxRenderedLength = 4_000_000;

/** Plain data, so that it can go to a worker. */
export interface ChatTemplate {
  source: string;
  /** `bos_token`, `eos_token` and so on, which templates may print. */
  specialTokens: Readonly<Record<string, string>>;
  /** What `strftime_now` prints; now unless given. */
  now?: Date;
}

/**
 * Renders chats in order.
 * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered, or takes too long; the signal's AbortError
 */
export type RenderChats = (
  template: ChatTemplate,
  requests: readonly ChatRequest[],
  signal?: AbortSignal,
) => Promise<string[]>;

/** Renders where it is called: a bounded amount of work, but the caller waits for it. */
export const renderHere: RenderChats = (template, requests) =>
  new Promise((resolve) => {
    resolve(renderChats(template, requests));
  });

/** @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered */
export function renderChats(
  { source, specialTokens }: ChatTemplate,
  requests: readonly ChatRequest[],
): string[] {
  const template = attempt("parsed", () => new Template(source));
  return requests.map(({ messages, addGenerationPrompt }) => {
    const text = attempt("rendered", () =>
      template.render({
        ...specialTokens,
        messages,
        add_generation_prompt: addGenerationPrompt,
      }),
    );
    if (text.length > maxRenderedLength) {
      throw badTemplate(`rendered ${text.length} characters, more than ${maxRenderedLength}`);
    }
    return text;
  });
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw badTemplate(`could not be ${what}: ${(error as Error).message}`);
  }
}

export function badTemplate(fault: string): UserError {
  return new UserError("bad-tokenizer", `The chat template ${fault}.`, {
    where: "chat_template",
    remedy: "Use prompt and completion rows, or a model whose chat template works.",
  });
}
