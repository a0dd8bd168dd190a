// Rows of one answer: which have another answer than an earlier row with their prompt, and whether
// nearly all have the same.
import { firstEqual } from "../equal-rows.ts";
import type { TokenRow } from "../token-store.ts";
import type { TokenRows } from "../token-rows.ts";

/** A share of the rows with one answer above which nothing else is learned. */
const nearlyAll = 0.9;
/** Fewer rows say nothing. */
const fewest = 10;

export interface AnswerFaults {
  /** Indexes of rows with another answer than the first row with their prompt. */
  contradictory: number[];
  /** Indexes of the rows with the most frequent answer, where nearly all have it. */
  alike: number[];
}

/** @param all rows in the order of the data, several of one text as they are */
export function answerFaults(all: TokenRows): AnswerFaults {
  const prompts = firstEqual(all, (row) => promptAndAnswer(row)?.prompt ?? null);
  const answers = firstEqual(all, (row) => promptAndAnswer(row)?.answer ?? null);
  const contradictory: number[] = [];
  prompts.forEach((first, index) => {
    if (first !== index && answers[first] !== answers[index]) {
      contradictory.push(index);
    }
  });
  return { contradictory, alike: alikeOf(all, answers) };
}

function alikeOf(all: TokenRows, answers: Uint32Array): number[] {
  const counts = new Uint32Array(all.length);
  answers.forEach((first) => {
    counts[first] = (counts[first] ?? 0) + 1;
  });
  const most = counts.reduce(
    (best, count, index) => (count > (counts[best] ?? 0) ? index : best),
    0,
  );
  const count = counts[most] ?? 0;
  const isAlike = count >= fewest && count >= nearlyAll * all.length;
  return isAlike ? Array.from(answers.keys()).filter((index) => answers[index] === most) : [];
}

/**
 * The parts of a row with one trained stretch behind others; null for texts, for chats with several
 * answers, and where every token is trained.
 */
function promptAndAnswer({
  tokens,
  isTrained,
}: TokenRow): { prompt: Int32Array; answer: Int32Array } | null {
  const begin = isTrained.indexOf(1);
  const end = isTrained.lastIndexOf(1) + 1;
  const hasPrompt = begin > 1; // a single token in front is the tokenizer's own
  const isWhole = !isTrained.subarray(begin, end).includes(0);
  return hasPrompt && isWhole
    ? { prompt: tokens.subarray(0, begin), answer: tokens.subarray(begin, end) }
    : null;
}
