// Where every character of a rendering came from: the origins of one rendering, as single UTF-16
// units, so that the marks of a text are a string that is cut and joined as the text is.

export interface Origin {
  /** Index of the message whose turn printed it; -1 for none. */
  turn: number;
  /** Whether the turn gives way to that of a later print within another turn. */
  isHeld: boolean;
  /** Index of the message out of whose fields it came; -1 for the template's own text. */
  from: number;
  field: string;
  isGeneration: boolean;
}

const ownText: Origin = { turn: -1, isHeld: false, from: -1, field: "", isGeneration: false };

/** All that a UTF-16 unit can tell apart: more than 5,000 messages need. */
const maxOrigins = 65_536;

/** The origins of one rendering, and the turn that it is in. */
export class Trace {
  readonly #origins: Origin[] = [];
  readonly #codes = new Map<string, number>();
  /** By code: a run of its unit, long enough for what was asked so far. */
  readonly #runs: string[] = [];
  readonly #turns = new Map<number, Stamps>();
  readonly #none = this.#stampsOf(-1);
  #stamps = this.#none;

  /** Index of the message whose turn it is; -1 for none. */
  get turn(): number {
    return this.#stamps.turn;
  }

  set turn(turn: number) {
    this.#stamps = turn < 0 ? this.#none : this.#stampsOf(turn);
  }

  /** Marks of text that the template itself writes now. */
  own(length: number): string {
    return this.run(this.#stamps.own, length);
  }

  /** Marks of text that the template writes in no turn. */
  unturned(length: number): string {
    return this.run(this.#none.own, length);
  }

  /** @throws RangeError for more origins than marks can tell apart */
  codeOf(origin: Origin): number {
    const { turn, isHeld, from, field, isGeneration } = origin;
    const key = `${turn} ${isHeld} ${from} ${isGeneration} ${field}`;
    let code = this.#codes.get(key);
    if (code === undefined) {
      code = this.#origins.length;
      if (code >= maxOrigins) {
        throw new RangeError("too many origins");
      }
      this.#origins.push(origin);
      this.#codes.set(key, code);
    }
    return code;
  }

  originOf(code: number): Origin {
    return this.#origins[code] ?? ownText;
  }

  /** @returns marks of one origin */
  run(code: number, length: number): string {
    let run = this.#runs[code];
    if (run === undefined || run.length < length) {
      run = String.fromCharCode(code).repeat(Math.max(length, 64));
      this.#runs[code] = run;
    }
    return run.slice(0, length);
  }

  /** Gives characters without a turn the present one. */
  stamped(marks: string): string {
    return this.turn < 0 ? marks : this.mapped(marks, this.#stamps.printed, printedIn(this.turn));
  }

  /** As `stamped`, with a turn that gives way to that of a later print. */
  held(marks: string): string {
    return this.turn < 0 ? marks : this.mapped(marks, this.#stamps.held, heldIn(this.turn));
  }

  generated(marks: string): string {
    return this.mapped(marks, [], (origin) => ({ ...origin, isGeneration: true }));
  }

  /** @param known codes that were mapped before; extended */
  mapped(marks: string, known: number[], change: (origin: Origin) => Origin): string {
    let made = "";
    for (const [code, begin, end] of runsOf(marks)) {
      const next = (known[code] ??= this.codeOf(change(this.originOf(code))));
      made += this.run(next, end - begin);
    }
    return made;
  }

  #stampsOf(turn: number): Stamps {
    let stamps = this.#turns.get(turn);
    if (stamps === undefined) {
      stamps = { turn, own: this.codeOf({ ...ownText, turn }), printed: [], held: [] };
      this.#turns.set(turn, stamps);
    }
    return stamps;
  }
}

/** A turn, with the codes that its stamps turn codes into. */
interface Stamps {
  readonly turn: number;
  readonly own: number;
  readonly printed: number[];
  readonly held: number[];
}

function printedIn(turn: number) {
  return (origin: Origin): Origin =>
    origin.turn < 0 || origin.isHeld ? { ...origin, turn, isHeld: false } : origin;
}

function heldIn(turn: number) {
  return (origin: Origin): Origin => (origin.turn < 0 ? { ...origin, turn, isHeld: true } : origin);
}

/** Code, begin and end of each stretch of one origin. */
export function runsOf(marks: string): [number, number, number][] {
  const runs: [number, number, number][] = [];
  for (let begin = 0; begin < marks.length;) {
    const code = marks.charCodeAt(begin);
    let end = begin + 1;
    while (end < marks.length && marks.charCodeAt(end) === code) {
      end++;
    }
    runs.push([code, begin, end]);
    begin = end;
  }
  return runs;
}
