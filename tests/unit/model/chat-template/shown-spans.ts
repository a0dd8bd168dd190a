// The stretches of a rendered chat in a short form for expectations.
import type { RenderedChat } from "../../../../src/data/tokenizer.ts";

/** Each stretch as "turn from.field * | text", with "-" for no turn and "*" for a generation. */
export function shownSpans({ text, spans }: RenderedChat): string[] {
  return spans.map(({ end, turn, from, field, isGeneration }, index) => {
    const stretch = text.slice(index === 0 ? 0 : spans[index - 1]?.end, end);
    const origin = from < 0 ? "" : ` ${from}.${field}`;
    return `${turn < 0 ? "-" : turn}${origin}${isGeneration ? " *" : ""} | ${stretch}`;
  });
}
