// The tokens of a text as they are found, with their places where those are wanted.
import type { WordTokens } from "./bpe.ts";
import type { Encoding } from "./post-processor.ts";
import type { Word } from "./pre-tokenizer.ts";
import type { Origin } from "./sections.ts";

export class TokenList {
  readonly #tokens: number[] = [];
  readonly #begins: number[] = [];
  readonly #ends: number[] = [];
  readonly #text: string;
  readonly #isTraced: boolean;

  constructor(text: string, isTraced: boolean) {
    this.#text = text;
    this.#isTraced = isTraced;
  }

  addToken(id: number, begin: number, end: number): void {
    this.#tokens.push(id);
    if (this.#isTraced) {
      this.#begins.push(begin);
      this.#ends.push(end);
    }
  }

  /** @param origin of the text in which the word was cut */
  addWord({ begin, alignment }: Word, { ids, begins, ends }: WordTokens, origin: Origin): void {
    for (let index = 0; index < ids.length; index++) {
      this.#tokens.push(ids[index] ?? 0);
      if (this.#isTraced) {
        const first = begin + (begins[index] ?? 0);
        const last = begin + (ends[index] ?? 0);
        this.#begins.push(origin.beginOf(alignment?.beginOf(first) ?? first));
        this.#ends.push(origin.endOf(alignment?.endOf(last) ?? last));
      }
    }
  }

  all(): Encoding {
    const places = { text: this.#text, begins: this.#begins, ends: this.#ends };
    return { tokens: this.#tokens, places: this.#isTraced ? places : null };
  }
}
