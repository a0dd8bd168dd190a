// Bounds the backtracking of a regular expression. The expressions of tokenizer.json are foreign
// code, and a JavaScript match cannot be interrupted. Work is counted in bits: one bit doubles it.

/**
 * Bits of an unbounded repetition, on a text of 64 characters. Real expressions have up to 20 bits
 * in all (o200k's has the most).
 */
const endless = 6;
const most = 23;

export class Freedom {
  /** Bits of each alternative so far. */
  readonly #alternatives = [0];

  nextAlternative(): void {
    this.#alternatives.push(0);
  }

  /** @throws SyntaxError when the alternative backtracks more than any real one */
  add(bits: number): void {
    const last = this.#alternatives.length - 1;
    const sum = (this.#alternatives[last] ?? 0) + bits;
    if (sum > most) {
      throw new SyntaxError("it has too many repetitions in a row");
    }
    this.#alternatives[last] = sum;
  }

  get bits(): number {
    return Math.max(...this.#alternatives) + Math.log2(this.#alternatives.length);
  }
}

/**
 * @param quantifier such as `*` or `{2,5}`
 * @param inner bits of the repeated expression
 * @throws SyntaxError for a repetition of an expression that matches in several ways: `(a+)+` needs
 * 2^n steps for n letters
 */
export function repeatedBits(quantifier: string, inner: number): number {
  const [least, largest] = boundsOf(quantifier);
  if (largest === Infinity && inner > 0) {
    throw new SyntaxError("it repeats without limit an expression that matches in several ways");
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
