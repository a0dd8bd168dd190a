// Which stretch of the given text each unit of a changed text stands for.
// Source: tokenizers/src/tokenizer/normalizer.rs (NormalizedString::transform_range).

/** For each unit of a changed text, the unit of the text before that it stands for; -1 for none. */
export type Sources = Int32Array;

/** A step that changes a text. */
export interface TextStep {
  apply(text: string): string;
  /**
   * The sources of `changed`, which is `apply(text)`; null where each unit stands for the one at
   * its place. Asked for only where offsets are wanted.
   */
  sourcesOf(text: string, changed: string): Sources | null;
}

/** Collects the sources of a changed text in order. */
export class SourceList {
  readonly #sources: number[] = [];

  /** Units that stay as they are. */
  keep(begin: number, end: number): void {
    for (let unit = begin; unit < end; unit++) {
      this.#sources.push(unit);
    }
  }

  /** Units that all stand for one. */
  repeat(source: number, count: number): void {
    for (let index = 0; index < count; index++) {
      this.#sources.push(source);
    }
  }

  all(): Sources {
    return Int32Array.from(this.#sources);
  }
}

/** The stretches, as units of the given text; a character of two units has one stretch. */
export class Alignment {
  readonly #begins: Int32Array;
  readonly #ends: Int32Array;

  constructor(begins: Int32Array, ends: Int32Array) {
    this.#begins = begins;
    this.#ends = ends;
  }

  /** The alignment of a text that is not changed yet. @param shift where it begins */
  static of(text: string, shift = 0): Alignment {
    const begins = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    for (let unit = 0; unit < text.length;) {
      const size = sizeAt(text, unit);
      begins.fill(shift + unit, unit, unit + size);
      ends.fill(shift + unit + size, unit, unit + size);
      unit += size;
    }
    return new Alignment(begins, ends);
  }

  /** The alignment after a further change. */
  changed(sources: Sources): Alignment {
    return new Alignment(
      sources.map((source) => this.#begins[source] ?? 0),
      sources.map((source) => this.#ends[source] ?? 0),
    );
  }

  /** The alignment of the rest of the text. */
  from(unit: number): Alignment {
    return new Alignment(this.#begins.subarray(unit), this.#ends.subarray(unit));
  }

  beginOf(unit: number): number {
    return this.#begins[unit] ?? 0;
  }

  /** @param end after the last unit of the stretch, at least 1 */
  endOf(end: number): number {
    return this.#ends[end - 1] ?? 0;
  }
}

/** Units of the character at a place: 1 or 2. */
export function sizeAt(text: string, unit: number): number {
  return (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
}
