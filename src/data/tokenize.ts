// An example to tokens and a mask of what is trained, as TRL's SFTTrainer does it
// (trl/trainer/sft_trainer.py, tokenize_fn).
import type { Example } from "./rows.ts";
import type { ChatMessage, ChatRequest, TextTokenizer } from "./tokenizer.ts";

export interface TokenizedExample {
  line: number;
  tokens: number[];
  /** Whether the loss counts the token (as a target). */
  isTrained: boolean[];
  /** Tokens before cutting. */
  fullLength: number;
}

export interface TokenizeOptions {
  /** Longer examples are cut on the right. */
  maxLength: number;
  /** false trains the prompt too. */
  completionOnly: boolean;
}

/**
 * The whole chat, then before and through each assistant turn (the last may be the whole); none of
 * a completion.
 */
export function chatsToRender(example: Example): ChatRequest[] {
  if (example.kind === "completion") {
    return [];
  }
  const { messages } = example;
  const turns = messages.flatMap(({ role }, index) =>
    role === "assistant"
      ? [
          { messages: messages.slice(0, index), addGenerationPrompt: true },
          { messages: messages.slice(0, index + 1), addGenerationPrompt: false },
        ]
      : [],
  );
  return [{ messages, addGenerationPrompt: false }, ...turns];
}

/**
 * Prompt and completion are tokenised as one text with the end-of-sequence token appended; the
 * completion starts where the tokens of the prompt alone and of the whole part ways. Chats train
 * every assistant turn.
 * @param rendered the texts of `chatsToRender`
 */
export function tokenizeExample(
  example: Example,
  rendered: readonly string[],
  tokenizer: TextTokenizer,
  { maxLength, completionOnly }: TokenizeOptions,
): TokenizedExample {
  const { tokens, isTrained } =
    example.kind === "completion"
      ? tokenizeCompletion(example.prompt, example.completion, tokenizer)
      : tokenizeChat(example.messages, rendered, tokenizer);
  return {
    line: example.line,
    tokens: tokens.slice(0, maxLength),
    isTrained: (completionOnly ? isTrained : tokens.map(() => true)).slice(0, maxLength),
    fullLength: tokens.length,
  };
}

/** Targets that the loss counts: the first token has nothing before it to be predicted from. */
export function countTrained({ isTrained }: TokenizedExample): number {
  return isTrained.slice(1).filter(Boolean).length;
}

type Masked = Pick<TokenizedExample, "tokens" | "isTrained">;

function tokenizeCompletion(prompt: string, completion: string, tokenizer: TextTokenizer): Masked {
  const ended = completion.endsWith(tokenizer.eosText)
    ? completion
    : completion + tokenizer.eosText;
  const tokens = tokenizer.encode(prompt + ended);
  const promptLength = commonPrefix(tokenizer.encode(prompt), tokens);
  return { tokens, isTrained: tokens.map((_, place) => place >= promptLength) };
}

/**
 * A turn runs from where the text before it (with the generation prompt) ends to where the text
 * through it ends.
 */
function tokenizeChat(
  messages: readonly ChatMessage[],
  [whole = "", ...turns]: readonly string[],
  tokenizer: TextTokenizer,
): Masked {
  const tokens = tokenizer.encodeRendered(whole);
  const isTrained = tokens.map(() => false);
  const answers = messages.filter(({ role }) => role === "assistant").length;
  for (let answer = 0; answer < answers; answer++) {
    const [before = "", through = ""] = turns.slice(2 * answer);
    const begin = commonPrefix(tokenizer.encodeRendered(before), tokens);
    const end =
      through === whole ? tokens.length : commonPrefix(tokenizer.encodeRendered(through), tokens);
    isTrained.fill(true, begin, end);
  }
  return { tokens, isTrained };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) {
    length++;
  }
  return length;
}
