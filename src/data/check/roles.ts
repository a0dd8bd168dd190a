// Whether prompt and answer look swapped: questions stand where answers should.
import type { Example } from "../example.ts";

/** Fewer rows say nothing. */
const fewest = 5;
/** Most answers are questions, and next to no prompt is one. */
const mostQuestions = 0.6;
const fewQuestions = 0.1;

/** Question marks of Latin, Chinese, Arabic and Armenian scripts, before closing signs. */
const question = /[?？؟՞]["'”’»)\]\s]*$/u;

/**
 * Short answers to long prompts are usual, so lengths say nothing; questions do. Of chats nothing
 * is said: their roles are named.
 */
export function looksSwapped(examples: readonly Example[]): boolean {
  const pairs = examples.flatMap((example) => (example.kind === "completion" ? [example] : []));
  const shareOf = (texts: readonly string[]) =>
    texts.filter((text) => question.test(text)).length / texts.length;
  return (
    pairs.length >= fewest &&
    shareOf(pairs.map(({ completion }) => completion)) >= mostQuestions &&
    shareOf(pairs.map(({ prompt }) => prompt)) <= fewQuestions
  );
}
