// Tokenises an example and masks what is trained, as TRL's SFTTrainer does
// (trl/trainer/sft_trainer.py, tokenize_fn).
//
// Prompt and completion are never tokenised apart and joined: a tokenizer may merge characters
// across the boundary, and the model must train on the tokens that it will see. So the whole text
// is tokenised, and the trained part begins where its tokens stop being those of the prompt alone.
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
 * The texts that `tokenizeExample` needs of a chat template: the whole conversation, then for each
 * assistant message the conversation before it (with the generation prompt) and through it. None
 * for a prompt with its completion.
 */
export function chatsToRender(example: Example): ChatRequest[] {
  if (example.kind === "completion") {
    return [];
  }
  const { messages } = example;
  const answers = messages.flatMap(({ role }, index) =>
    role === "assistant"
      ? [
          { messages: messages.slice(0, index), addGenerationPrompt: true },
          { messages: messages.slice(0, index + 1), addGenerationPrompt: false },
        ]
      : [],
  );
  return [{ messages, addGenerationPrompt: false }, ...answers];
}

/**
 * Tokens of one example, cut on the right, and which of them are trained: the completion with the
 * end-of-sequence token appended, or every assistant message of a chat.
 * @param rendered the texts of `chatsToRender`, in its order
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
 * The tokens of an assistant message begin where those of the text before it (with the generation
 * prompt) end, and end where those of the text through it end.
 */
function tokenizeChat(
  messages: readonly ChatMessage[],
  [whole = "", ...answerTexts]: readonly string[],
  tokenizer: TextTokenizer,
): Masked {
  const tokens = tokenizer.encodeRendered(whole);
  const isTrained = tokens.map(() => false);
  const answers = messages.filter(({ role }) => role === "assistant").length;
  for (let answer = 0; answer < answers; answer++) {
    const [before = "", through = ""] = answerTexts.slice(2 * answer);
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
