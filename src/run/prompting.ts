// Prompts the engine with text: encodes the prompt, decodes the answer token by token.
import { withSystem, type PromptForm } from "../data/prompt-form.ts";
import type { Engine } from "../engine/contract.ts";
import type { BaseModel } from "../model/open.ts";
import type { ModelTokenizer } from "../model/tokenizer/tokenizer.ts";
import { turnEnds } from "../model/tokenizer/turn-end.ts";
import { UserError } from "../util/errors.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";

export interface Prompting {
  prompt: string;
  /** As the rows that the model is trained on. */
  form: PromptForm;
  useAdapter: boolean;
  maxNewTokens: number;
  temperature: number;
  seed: number;
}

/**
 * Generates the answer to a prompt, by nucleus sampling with top-p 0.95, in the form of the rows.
 * It stops at the model's stop tokens and, in a chat, at the token that ends an answer in the
 * template.
 * @param onText gets each new piece of text as it is decoded
 * @returns the whole answer
 * @throws UserError "too-long" for a prompt that is empty or leaves no space in the context;
 *   "bad-tokenizer" when its chat template fails; what the engine throws; the signal's reason
 */
export async function answer(
  engine: Engine,
  { tokenizer, stopTokens, config }: BaseModel,
  { prompt, form, ...options }: Prompting,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const promptTokens = form.isChat
    ? tokenizer.encodeRendered(await renderPrompt(tokenizer, prompt, form.system, signal))
    : tokenizer.encode(withSystem(form.system, prompt));
  const turnEnd = form.isChat ? await turnEnds(tokenizer, prompt, signal) : [];
  const freeTokens = config.maxPositionEmbeddings - promptTokens.length;
  if (promptTokens.length === 0 || freeTokens < 1) {
    throw new UserError(
      "too-long",
      `The prompt has ${promptTokens.length} tokens; the model reads 1 to ${config.maxPositionEmbeddings - 1}.`,
      { where: "prompt", remedy: "Change the prompt." },
    );
  }
  const tokens: number[] = [];
  let text = "";
  for await (const token of engine.generate(promptTokens, {
    ...options,
    maxNewTokens: Math.min(options.maxNewTokens, freeTokens),
    topP: 0.95,
    stopTokens: [...stopTokens, ...turnEnd],
    signal,
  })) {
    tokens.push(token);
    await yieldToEvents();
    const decoded = tokenizer.decode(tokens);
    // The last character may be incomplete: its other bytes are in the next token.
    if (!decoded.endsWith("\ufffd")) {
      onText(decoded.slice(text.length));
      text = decoded;
    }
  }
  return text;
}

async function renderPrompt(
  tokenizer: ModelTokenizer,
  prompt: string,
  system: string,
  signal: AbortSignal,
): Promise<string> {
  const first = system === "" ? [] : [{ role: "system", content: system }];
  const messages = [...first, { role: "user", content: prompt }];
  const [text = ""] = await tokenizer.renderChats(
    [{ messages, addGenerationPrompt: true }],
    signal,
  );
  return text;
}
