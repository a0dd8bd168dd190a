// From stretches of a text to its tokens.
import type { EncodedText } from "../tokenizer.ts";
import type { Stretch } from "./stretches.ts";

/**
 * Which tokens overlap a stretch, as transformers' `return_assistant_tokens_mask` counts them. A
 * token that stands for no text overlaps none.
 * @param stretches in order, apart from each other
 */
export function overlapping(
  { tokens, begins, ends }: EncodedText,
  stretches: readonly Stretch[],
): boolean[] {
  let next = 0;
  return tokens.map((_, place) => {
    const begin = begins[place] ?? 0;
    const end = ends[place] ?? begin;
    while (next < stretches.length && begin >= (stretches[next]?.end ?? 0)) {
      next++;
    }
    const stretch = stretches[next];
    return stretch !== undefined && end > stretch.begin && end > begin;
  });
}

/** Whether a marked token overlaps the stretch; tokens are in the order of the text. */
export function isAnyMarked(
  { begins, ends }: EncodedText,
  isMarked: readonly boolean[],
  { begin, end }: Stretch,
): boolean {
  let place = firstAfter(ends, begin);
  while (place < isMarked.length && (begins[place] ?? end) < end) {
    if (isMarked[place] === true) {
      return true;
    }
    place++;
  }
  return false;
}

/** The first place whose value is greater, by bisection. */
function firstAfter(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) > limit) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/** The texts of maximal runs of marked tokens. */
export function markedTexts(
  text: string,
  { begins, ends }: EncodedText,
  isMarked: readonly boolean[],
): string[] {
  const texts: string[] = [];
  let begin: number | null = null;
  for (let place = 0; place <= isMarked.length; place++) {
    if (isMarked[place] === true) {
      begin ??= begins[place] ?? 0;
    } else if (begin !== null) {
      texts.push(text.slice(begin, ends[place - 1]));
      begin = null;
    }
  }
  return texts;
}

/** The text of each token, from where the one before ends: tokens of one character share it. */
export function tokenTexts(text: string, { tokens, ends }: EncodedText): string[] {
  let end = 0;
  return tokens.map((_, place) => {
    const begin = end;
    end = Math.max(end, ends[place] ?? end);
    return text.slice(begin, end);
  });
}
