// Whether a chat template writes an earlier answer as it wrote it when it was the last.
import type { ChatMessage, RenderedChat, TextTokenizer } from "../tokenizer.ts";
import { turnsOf } from "./stretches.ts";

const question: ChatMessage = { role: "user", content: "Hello" };
const thought = "I greet";
const answers: readonly ChatMessage[] = [
  { role: "assistant", content: "Yes" },
  { role: "assistant", content: `<think>\n${thought}\n</think>\n\nYes` },
  { role: "assistant", content: "Yes", reasoning_content: thought, thinking: thought },
];
const answerIndex = 1;

/**
 * Whether an answer reads the same in the middle of a conversation and at its end, with a thought
 * and without. If not (Qwen3 and R1 strip earlier thoughts), `multiTurn: "each"` shows the model
 * every answer as it will have to give it. A conversation that the template refuses says nothing.
 * @throws UserError "bad-tokenizer" when the model has no chat template; the signal's AbortError
 */
export async function isPrefixPreserving(
  tokenizer: TextTokenizer,
  signal?: AbortSignal,
): Promise<boolean> {
  const conversations = answers.flatMap((answer) => [
    [question, answer],
    [question, answer, question, answer],
  ]);
  const chats = await tokenizer.traceChats(
    conversations.map((messages) => ({ messages, addGenerationPrompt: false })),
    signal,
  );
  return answers.every((_, index) => {
    const last = turnText(chats[2 * index]);
    const earlier = turnText(chats[2 * index + 1]);
    return last === null || earlier === null || last === earlier;
  });
}

function turnText(chat: RenderedChat | { refusal: string } | undefined): string | null {
  if (chat === undefined || "refusal" in chat) {
    return null;
  }
  const turn = turnsOf(chat.spans).get(answerIndex);
  return turn === undefined ? null : chat.text.slice(turn.begin, turn.end);
}
