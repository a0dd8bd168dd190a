// Where every character of a rendering came from: the origins of one rendering, by code, and the
// turn that it is in.
import { mapMarks, type Marks } from "./marks.ts";

export interface Origin {
  /** Index of the message out of whose fields it came; -1 for the template's own text. */
  readonly from: number;
  /** That field; "" for the template's own text, and for a message as a whole. */
  readonly field: string;
  /** Index of the message whose turn printed it; -1 for none. */
  readonly turn: number;
  /** Whether the turn gives way to that of a later print within another turn. */
  readonly isHeld: boolean;
  readonly isGeneration: boolean;
}

/** An origin, with the code that the last turn to print it made of it. */
interface Known extends Origin {
  lastTurn: number;
  lastCode: number;
}

/** Origins of one rendering; a long chat has some ten thousand. */
const maxOrigins = 1_000_000;

/** The origins of one rendering. Several codes may be of equal origins. */
export class Trace {
  readonly #known: Known[] = [];
  readonly #ownByTurn = new Map<number, number>();
  #turn = -1;
  #own = this.#ownIn(-1);

  /** Index of the message whose turn it is; -1 for none. */
  get turn(): number {
    return this.#turn;
  }

  set turn(turn: number) {
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#own = this.#ownIn(turn);
    }
  }

  /** The code of text that the template itself writes now. */
  get own(): number {
    return this.#own;
  }

  /** The code of text that the template itself writes in no turn. */
  get unturned(): number {
    return this.#ownIn(-1);
  }

  /** @throws RangeError for a template that makes origins without limit */
  code(from: number, field: string, turn = -1, isHeld = false, isGeneration = false): number {
    const code = this.#known.length;
    if (code > maxOrigins) {
      throw new RangeError("too many origins");
    }
    this.#known.push({ from, field, turn, isHeld, isGeneration, lastTurn: -1, lastCode: code });
    return code;
  }

  originOf(code: number): Origin {
    const origin = this.#known[code];
    if (origin === undefined) {
      throw new RangeError(`no origin has the code ${code}`);
    }
    return origin;
  }

  /** Gives characters without a turn the present one, which gives way to that of a later print. */
  held(marks: Marks): Marks {
    const turn = this.#turn;
    return turn < 0
      ? marks
      : this.changed(marks, (origin) =>
          origin.turn < 0 ? { ...origin, turn, isHeld: true } : origin,
        );
  }

  changed(marks: Marks, change: (origin: Origin) => Origin): Marks {
    return mapMarks(marks, (code) => {
      const origin = this.originOf(code);
      const { from, field, turn, isHeld, isGeneration } = change(origin);
      return this.code(from, field, turn, isHeld, isGeneration);
    });
  }

  /** The code of a character of a code that the present turn prints. */
  printed(code: number): number {
    const known = this.#known[code];
    if (this.#turn < 0 || known === undefined || (known.turn >= 0 && !known.isHeld)) {
      return code;
    }
    if (known.lastTurn !== this.#turn) {
      known.lastTurn = this.#turn;
      known.lastCode = this.code(known.from, known.field, this.#turn, false, known.isGeneration);
    }
    return known.lastCode;
  }

  #ownIn(turn: number): number {
    let code = this.#ownByTurn.get(turn);
    if (code === undefined) {
      code = this.code(-1, "", turn);
      this.#ownByTurn.set(turn, code);
    }
    return code;
  }
}
