// Chat messages to text through the model's own Jinja template, as transformers' apply_chat_template renders it.
import { Template } from "@huggingface/jinja";
import type { ChatMessage } from "../data/tokenizer.ts";
import { UserError } from "../util/errors.ts";

/** Rendered text above this is a runaway template, not a conversation. */
const maxRenderedLength = 4_000_000;

export interface ChatTemplate {
  /** @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string;
}

/**
 * A template of `tokenizer_config.json` or `chat_template.jinja`. It is parsed at its first use, so that a broken one
 * does not keep a model from training on prompts and completions.
 * @param specialTokens `bos_token`, `eos_token` and so on, which templates may print
 */
export function parseChatTemplate(
  source: string,
  specialTokens: Readonly<Record<string, string>>,
): ChatTemplate {
  let parsed: Template | null = null;
  return {
    render(messages, addGenerationPrompt) {
      const template = (parsed ??= attempt("parsed", () => new Template(source)));
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
    },
  };
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw badTemplate(`could not be ${what}: ${(error as Error).message}`);
  }
}

function badTemplate(fault: string): UserError {
  return new UserError("bad-tokenizer", `The chat template ${fault}.`, {
    where: "chat_template",
    remedy: "Use prompt and completion rows, or a model whose chat template works.",
  });
}
