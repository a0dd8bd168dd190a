// A text in order of its pieces: normalised texts and the added tokens between them.
import { TokenFinder, type AddedToken } from "./added-tokens.ts";
import type { Alignment } from "./normalize/alignment.ts";
import type { Normalizer } from "./normalize/normalizer.ts";

/** A normalised piece of text, or an added token with its place in the whole text. */
export type Section = TextSection | { id: number; begin: number; end: number };

export interface TextSection {
  text: string;
  isFirst: boolean;
  origin: Origin;
}

/** Where the units of a normalised piece are in the whole text. */
export class Origin {
  readonly #shift: number;
  readonly #alignment: Alignment | null;

  constructor(shift: number, alignment: Alignment | null) {
    this.#shift = shift;
    this.#alignment = alignment;
  }

  beginOf(unit: number): number {
    return this.#shift + (this.#alignment?.beginOf(unit) ?? unit);
  }

  /** @param end after the last unit */
  endOf(end: number): number {
    return this.#shift + (this.#alignment?.endOf(end) ?? end);
  }

  /** The origin of the rest of the piece. */
  from(unit: number): Origin {
    return unit === 0
      ? this
      : this.#alignment === null
        ? new Origin(this.#shift + unit, null)
        : new Origin(this.#shift, this.#alignment.from(unit));
  }
}

/** @returns a function that splits a text; its flag is whether offsets are wanted */
export function sectionsOf(
  added: readonly AddedToken[],
  normalize: Normalizer,
): (text: string, isTraced: boolean) => Section[] {
  const asGiven = new TokenFinder(added.filter(({ isNormalized }) => !isNormalized));
  const normalized = new TokenFinder(added.filter(({ isNormalized }) => isNormalized));
  return (text, isTraced) =>
    asGiven
      // A lone surrogate is not a character; UTF-8 has the replacement character for it.
      .sections(text.replace(/\p{Cs}/gu, "\ufffd"))
      .flatMap((section): Section[] => {
        if ("id" in section) {
          return [section];
        }
        const { text: changed, alignment } = normalize(section.text, isTraced);
        const origin = new Origin(section.begin, alignment);
        return normalized.sections(changed).map((inner) =>
          "id" in inner
            ? { id: inner.id, begin: origin.beginOf(inner.begin), end: origin.endOf(inner.end) }
            : {
                text: inner.text,
                isFirst: section.begin + inner.begin === 0,
                origin: origin.from(inner.begin),
              },
        );
      });
}
