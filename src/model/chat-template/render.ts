// Chat messages to text through the model's own Jinja template, as transformers'
// apply_chat_template renders it.
import type { ChatRequest } from "../../data/tokenizer.ts";
import { UserError } from "../../util/errors.ts";
import { run } from "../jinja/interpreter.ts";
import { parseTemplate } from "../jinja/syntax/parser.ts";
import { fromJson, TemplateFault, type Value } from "../jinja/values.ts";

/** Of all chats of a call: a batch of long ones has some ten million characters. */
const maxTotalLength = 64_000_000;

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
 * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered, or takes too
 * long; the signal's AbortError
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

/** What a template finds under its names. */
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
    // The stack's end, or a text longer than JavaScript has.
    if (error instanceof RangeError) {
      throw badTemplate(`could not be ${what}: it nests or grows without end`);
    }
    throw error;
  }
}

/** @param fault goes on after "The chat template" */
export function badTemplate(fault: string): UserError {
  return new UserError("bad-tokenizer", `The chat template ${fault}.`, {
    where: "chat_template",
    remedy: "Use prompt and completion rows, or a model whose chat template works.",
  });
}
