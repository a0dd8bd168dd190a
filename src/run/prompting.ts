// Prompts the engine in words: the text as the model expects it, the answer as it comes.
import type { Engine } from "../engine/contract.ts";
import type { BaseModel } from "../model/open.ts";
import type { ModelTokenizer } from "../model/tokenizer/tokenizer.ts";
import { UserError } from "../util/errors.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";

export interface Prompting {
  prompt: string;
  /** The prompt is a user's message and goes through the chat template. */
  isChat: boolean;
  useAdapter: boolean;
  maxNewTokens: number;
  temperature: number;
  seed: number;
}

/** The whole answer; each new piece of text goes to `onText` as it is decoded. */
export async function answer(
  engine: Engine,
  { tokenizer, stopTokens, config }: BaseModel,
  { prompt, isChat, ...options }: Prompting,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const promptTokens = isChat
    ? tokenizer.encodeRendered(await renderPrompt(tokenizer, prompt, signal))
    : tokenizer.encode(prompt);
  const room = config.maxPositionEmbeddings - promptTokens.length;
  if (promptTokens.length === 0 || room < 1) {
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
    maxNewTokens: Math.min(options.maxNewTokens, room),
    topP: 0.95,
    stopTokens,
    signal,
  })) {
    tokens.push(token);
    await yieldToEvents();
    const decoded = tokenizer.decode(tokens);
    // A character of several bytes may still be incomplete; it is shown once it is whole.
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
  signal: AbortSignal,
): Promise<string> {
  const messages = [{ role: "user", content: prompt }];
  const [text = ""] = await tokenizer.renderChats(
    [{ messages, addGenerationPrompt: true }],
    signal,
  );
  return text;
}
