// Renders chats through the Jinja template of a model, as transformers' apply_chat_template does.
//
// The same as in transformers 5.23 (utils/chat_template_utils.py): the variables `messages`,
// `tools`, `documents`, `add_generation_prompt` and the special tokens; trim_blocks and
// lstrip_blocks; loop controls; `{% generation %}`; the functions raise_exception and strftime_now;
// tojson without HTML escapes; the immutable sandbox, where a template cannot modify its values.
// `tools` and `documents` are always None. The text is tokenised afterwards without adding special
// tokens, because the template writes them.
import type { ChatRequest } from "../../data/tokenizer.ts";
import { UserError } from "../../util/errors.ts";
import { run } from "../jinja/interpreter.ts";
import { parseTemplate } from "../jinja/syntax/parser.ts";
import { fromJson, TemplateFault, type Value } from "../jinja/values.ts";

/** Limit over all chats of a call; a batch of long chats has about ten million characters. */
const maxTotalLength = 64_000_000;

/** Plain data, so that it can go to a worker. */
export interface ChatTemplate {
  source: string;
  /** `bos_token`, `eos_token` and so on, as variables of the template. */
  specialTokens: Readonly<Record<string, string>>;
  /** The time that `strftime_now` prints; the present unless given. */
  now?: Date | undefined;
}

/**
 * Renders chats in order.
 * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered, or exceeds a
 * limit; the signal's AbortError
 */
export type RenderChats = (
  template: ChatTemplate,
  requests: readonly ChatRequest[],
  signal?: AbortSignal,
) => Promise<string[]>;

/** Renders on the calling thread, which is blocked for a bounded amount of work. */
export const renderHere: RenderChats = (template, requests) =>
  new Promise((resolve) => {
    resolve(renderChats(template, requests));
  });

/**
 * Renders chats in order, on the calling thread.
 * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered
 */
export function renderChats(
  { source, specialTokens, now = new Date() }: ChatTemplate,
  requests: readonly ChatRequest[],
): string[] {
  const body = attempt("parsed", () => parseTemplate(source));
  let totalLength = 0;
  return requests.map(({ messages, addGenerationPrompt }) => {
    const values = {
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: addGenerationPrompt,
      ...specialTokens,
    };
    const text = attempt("rendered", () => run(body, variables(values), now));
    totalLength += text.length;
    if (totalLength > maxTotalLength) {
      throw badTemplate(`rendered more than ${maxTotalLength} characters`);
    }
    return text;
  });
}

/** Converts plain values to the variables of a template. */
export function variables(values: Readonly<Record<string, unknown>>): Map<string, Value> {
  return new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)]));
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof TemplateFault) {
      throw badTemplate(`could not be ${what}: ${error.message}`);
    }
    // A stack overflow, or a text longer than JavaScript allows.
    if (error instanceof RangeError) {
      throw badTemplate(`could not be ${what}: it nests or grows without limit`);
    }
    throw error;
  }
}

/** @param fault continues the sentence "The chat template ..." */
export function badTemplate(fault: string): UserError {
  return new UserError("bad-tokenizer", `The chat template ${fault}.`, {
    where: "chat_template",
    remedy: "Use prompt and completion rows, or a model whose chat template works.",
  });
}
