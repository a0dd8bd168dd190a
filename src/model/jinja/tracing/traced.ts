// A text that knows where each of its characters came from, and the cutting and joining of texts.
// Without tracing every text is a string and costs what a string costs.
import {
  addStretch,
  codeAt,
  codesOf,
  cutMarks,
  marksOf,
  repeatMarks,
  type Marks,
} from "./marks.ts";
import type { Trace } from "./trace.ts";

export type Text = string | Traced;

/** Whether its characters have turns: not all, all, all for good. */
export type TurnState = typeof loose | typeof held | typeof settled;
export const loose = 0;
export const held = 1;
export const settled = 2;

export class Traced {
  readonly trace: Trace;
  readonly text: string;
  /** Codes of the trace. */
  readonly marks: Marks;
  readonly state: TurnState;

  constructor(trace: Trace, text: string, marks: Marks, state: TurnState) {
    this.trace = trace;
    this.text = text;
    this.marks = marks;
    this.state = state;
  }

  /** The text as the present turn keeps it for later. */
  held(): Traced {
    const { trace, text, marks, state } = this;
    return state !== loose || trace.turn < 0
      ? this
      : new Traced(trace, text, trace.held(marks), held);
  }
}

export function plain(text: Text): string {
  return typeof text === "string" ? text : text.text;
}

/** text.slice(begin, end), in UTF-16 units; the end of the text unless given. */
export function cut(text: Text, begin: number, end?: number): Text {
  if (typeof text === "string") {
    return text.slice(begin, end);
  }
  const { trace, text: all, marks, state } = text;
  const made = all.slice(begin, end);
  return made.length === all.length
    ? text
    : new Traced(trace, made, cutMarks(marks, begin, begin + made.length), state);
}

/** The texts one after the other. */
export function glue(parts: readonly Text[], separator: Text = ""): Text {
  const trace = traceOf(separator) ?? firstTrace(parts);
  if (trace === null) {
    return (parts as string[]).join(separator as string);
  }
  const joint = new Joined(trace);
  for (let index = 0; index < parts.length; index++) {
    if (index > 0) {
      joint.add(separator);
    }
    joint.add(parts[index] ?? "");
  }
  return joint.whole();
}

/** One text behind another. */
export function joined(left: Text, right: Text): Text {
  if (typeof left === "string" && typeof right === "string") {
    return left + right;
  }
  const { trace } = (typeof left === "string" ? right : left) as Traced;
  const text = plain(left) + plain(right);
  const [first, last] = [codeIn(left, trace), codeIn(right, trace)];
  if (trace.turn < 0 || first < 0 || last < 0) {
    return glue([left, right]);
  }
  const marks =
    first === last ? [first, text.length] : [first, plain(left).length, last, text.length];
  return new Traced(trace, text, marks, settled);
}

/** The code of a text that is not empty, where it has one code, as the present turn prints it. */
function codeIn(text: Text, trace: Trace): number {
  if (typeof text === "string") {
    return text === "" ? -1 : trace.own;
  }
  return text.marks.length === 2 ? trace.printed(text.marks[0] ?? 0) : -1;
}

function firstTrace(parts: readonly Text[]): Trace | null {
  for (const part of parts) {
    if (typeof part !== "string") {
      return part.trace;
    }
  }
  return null;
}

function traceOf(text: Text): Trace | null {
  return typeof text === "string" ? null : text.trace;
}

/** A text that a `{% generation %}` block prints. */
export function generated(text: Text): Text {
  return text instanceof Traced
    ? new Traced(text.trace, text.text, generation(text), text.state)
    : text;
}

function generation({ trace, marks }: Traced): Marks {
  return trace.changed(marks, (origin) => ({ ...origin, isGeneration: true }));
}

/** @param times not negative */
export function repeated(text: Text, times: number): Text {
  return text instanceof Traced
    ? new Traced(text.trace, text.text.repeat(times), repeatMarks(text.marks, times), text.state)
    : text.repeat(times);
}

/** A traced text under construction. */
export class Joined {
  readonly #trace: Trace;
  readonly #marks: number[] = [];
  #text = "";
  #state: TurnState = settled;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  get length(): number {
    return this.#text.length;
  }

  /** Adds a text as the present turn prints it. */
  add(part: Text): void {
    const trace = this.#trace;
    if (typeof part === "string") {
      if (part !== "") {
        this.#text += part;
        addStretch(this.#marks, trace.own, this.#text.length);
        this.#lower(trace.turn < 0 ? loose : settled);
      }
      return;
    }
    const { text, marks, state } = part;
    const begin = this.#text.length;
    this.#text += text;
    for (let at = 0; at < marks.length; at += 2) {
      const code = marks[at] ?? 0;
      const own = state === settled ? code : trace.printed(code);
      addStretch(this.#marks, own, begin + (marks[at + 1] ?? 0));
    }
    this.#lower(trace.turn < 0 && text !== "" ? state : settled);
  }

  /** The text. Nothing is added afterwards. */
  whole(): Traced {
    return new Traced(this.#trace, this.#text, this.#marks, this.#state);
  }

  #lower(state: TurnState): void {
    this.#state = state < this.#state ? state : this.#state;
  }
}

/**
 * Marks a text that was made in a way which loses the places of the characters: with the one origin
 * of what it was made of. Of several, that of another message than the present turn's is kept.
 */
export function whole(made: string, sources: readonly unknown[]): Text {
  const traced = sources.filter((source) => source instanceof Traced);
  const [first] = traced;
  if (first === undefined) {
    return made;
  }
  const { trace } = first;
  const codes = new Set(traced.flatMap(({ marks }) => codesOf(marks)));
  let best = -1;
  let rank = -1;
  for (const code of codes) {
    const { from } = trace.originOf(code);
    const own = from < 0 ? 0 : from === trace.turn ? 1 : 2;
    [best, rank] = own > rank ? [code, own] : [best, rank];
  }
  if (best < 0) {
    return made;
  }
  const { turn, isHeld } = trace.originOf(best);
  const state = turn < 0 ? loose : isHeld ? held : settled;
  return new Traced(trace, made, marksOf(best, made.length), state);
}

/** A text with each match of a global pattern replaced. */
export function replaced(
  text: Text,
  pattern: RegExp,
  replacement: (match: RegExpExecArray, found: Text) => Text,
): Text {
  const parts: Text[] = [];
  let begin = 0;
  for (const match of plain(text).matchAll(pattern)) {
    const end = match.index + match[0].length;
    parts.push(cut(text, begin, match.index), replacement(match, cut(text, match.index, end)));
    begin = end;
  }
  return parts.length === 0 ? text : glue([...parts, cut(text, begin)]);
}

/** A text of which every character became another, by `change`: its upper or lower case. */
export function recased(text: Text, change: (text: string) => string): Text {
  if (typeof text === "string") {
    return change(text);
  }
  const { trace, text: all, marks, state } = text;
  const made = change(all);
  if (made.length === all.length) {
    return new Traced(trace, made, marks, state);
  }
  const own: number[] = [];
  let [at, end] = [0, 0];
  for (const character of all) {
    end += change(character).length;
    addStretch(own, codeAt(marks, at), end);
    at += character.length;
  }
  return end === made.length ? new Traced(trace, made, own, state) : whole(made, [text]);
}
