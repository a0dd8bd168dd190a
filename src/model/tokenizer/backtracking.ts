// How many ways a regular expression has to fail, as it is read: JavaScript tries them all and
// cannot be stopped, and the expressions of tokenizer.json are foreign. A way is counted in bits:
// what doubles the work is one.

/**
 * A repetition without an end, on a text of 64 characters. Real expressions (o200k's is the freest)
 * have up to 20 in all.
 */
const endless = 6;
const most = 23;

export class Freedom {
  /** Of each alternative so far. */
  readonly #alternatives = [0];

  nextAlternative(): void {
    this.#alternatives.push(0);
  }

  /** @throws SyntaxError when the alternative has more ways than any real one */
  add(bits: number): void {
    const last = this.#alternatives.length - 1;
    const sum = (this.#alternatives[last] ?? 0) + bits;
    if (sum > most) {
      throw new SyntaxError("it has more repetitions in a row than can be followed");
    }
    this.#alternatives[last] = sum;
  }

  get bits(): number {
    return Math.max(...this.#alternatives) + Math.log2(this.#alternatives.length);
  }
}

/**
 * @param quantifier such as `*` or `{2,5}`
 * @param inner bits of what is repeated
 * @throws SyntaxError for a repetition of what can match in several ways: `(a+)+` takes 2^n steps
 * for n letters
 */
export function repeatedBits(quantifier: string, inner: number): number {
  const [least, largest] = boundsOf(quantifier);
  if (largest === Infinity && inner > 0) {
    throw new SyntaxError("it repeats without end what matches in several ways");
  }
  return largest === Infinity ? endless : largest * inner + Math.log2(largest - least + 1);
}

function boundsOf(quantifier: string): [least: number, largest: number] {
  const [, least, comma, largest] = /^\{(\d+)(,?)(\d*)\}$/.exec(quantifier) ?? [];
  if (least === undefined) {
    return quantifier === "?" ? [0, 1] : [0, Infinity];
  }
  const end = comma === "" ? least : largest === "" ? "Infinity" : (largest ?? least);
  return [Number(least), Math.max(Number(least), Number(end))];
}
