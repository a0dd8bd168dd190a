// Whose turn it is: which message's part of the template runs, and prints.
import type { Arguments, Value } from "../values.ts";
import { Keeper, messageOf, turnOf } from "./messages.ts";
import { codesOf } from "./marks.ts";
import type { Trace } from "./trace.ts";
import { Joined, settled, Traced, type Text } from "./traced.ts";

/** The text written so far. */
export interface Output {
  add(part: Text): void;
  whole(): Text;
  /** In UTF-16 units. */
  readonly length: number;
}

/** Follows the turns of one rendering. */
export class Turns {
  readonly trace: Trace;
  readonly #keeper: Keeper;
  /** Iterations that run without a turn, and may yet get one. */
  #waiting = 0;

  constructor(trace: Trace) {
    this.trace = trace;
    this.#keeper = new Keeper(trace);
  }

  /**
   * Runs one iteration of a loop.
   * @param run the body, with the output that it prints to
   */
  iteration<T>(item: Value, output: Output, run: (output: Output) => T): T {
    const before = this.trace.turn;
    const turn = turnOf(item, before >= 0);
    if (turn >= 0 || before >= 0) {
      this.trace.turn = turn >= 0 ? turn : before;
      try {
        return run(output);
      } finally {
        this.trace.turn = before;
      }
    }
    const inner = new Joined(this.trace);
    this.#waiting++;
    try {
      const end = run(inner);
      output.add(this.#told(inner.whole()));
      return end;
    } finally {
      this.#waiting--;
      this.trace.turn = before;
    }
  }

  /** Runs a macro: outside any turn, in that of a message among its arguments. */
  macro<T>({ positional, keyword }: Arguments, run: () => T): T {
    const before = this.trace.turn;
    const given = before >= 0 ? [] : [...positional, ...keyword.values()];
    this.trace.turn = given.map((value) => turnOf(value, true)).find((own) => own >= 0) ?? before;
    try {
      return run();
    } finally {
      this.trace.turn = before;
    }
  }

  /** A variable gets a value. A message begins its turn in an iteration without one. */
  assigned(value: Value): void {
    if (this.#waiting > 0 && this.trace.turn < 0) {
      this.trace.turn = messageOf(value);
    }
  }

  /** A value as an attribute of a namespace keeps it, which outlives the turn. */
  kept(value: Value): Value {
    return this.trace.turn < 0 ? value : this.#keeper.kept(value);
  }

  /**
   * The output of an iteration whose item is no message. If all the fields in it are of one
   * message, this was its turn, even if another one was assigned first.
   */
  #told(output: Traced): Traced {
    const { trace, text, marks } = output;
    const origins = codesOf(marks).map((code) => trace.originOf(code));
    const provisional = trace.turn;
    const isOpen = origins.every(({ turn, isHeld }) => turn < 0 || isHeld || turn === provisional);
    const [source, ...others] = new Set(
      origins.map(({ from }) => from).filter((from) => from >= 0),
    );
    const turn = isOpen && source !== undefined && others.length === 0 ? source : provisional;
    if (turn < 0) {
      return output;
    }
    const told = trace.changed(marks, (origin) =>
      origin.turn < 0 || origin.isHeld || origin.turn === provisional
        ? { ...origin, turn, isHeld: false }
        : origin,
    );
    return new Traced(trace, text, told, settled);
  }
}
