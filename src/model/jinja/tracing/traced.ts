// A text that knows where each of its characters came from, and the cutting and joining of texts.
// Without tracing every text is a string and costs what a string costs.
import { runsOf, type Trace } from "./trace.ts";

export type Text = string | Traced;

/** Whether its characters have turns: not all, all, all for good. */
export type TurnState = typeof loose | typeof held | typeof settled;
export const loose = 0;
export const held = 1;
export const settled = 2;

export class Traced {
  readonly trace: Trace;
  readonly text: string;
  /** One unit per unit of the text: a code of the trace. */
  readonly marks: string;
  readonly state: TurnState;

  constructor(trace: Trace, text: string, marks: string, state: TurnState) {
    this.trace = trace;
    this.text = text;
    this.marks = marks;
    this.state = state;
  }

  /** The text as the present turn prints it. */
  printed(): Traced {
    const { trace, text, marks, state } = this;
    return state === settled || trace.turn < 0
      ? this
      : new Traced(trace, text, trace.stamped(marks), settled);
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
  return new Traced(trace, all.slice(begin, end), marks.slice(begin, end), state);
}

/** The texts one after the other. */
export function glue(parts: readonly Text[], separator: Text = ""): Text {
  const traced =
    separator instanceof Traced ? separator : parts.find((part) => part instanceof Traced);
  if (traced === undefined) {
    return (parts as string[]).join(separator as string);
  }
  const joined = new Joined(traced.trace);
  parts.forEach((part, index) => {
    if (index > 0) {
      joined.add(separator);
    }
    joined.add(part);
  });
  return joined.whole();
}

/** A text that a `{% generation %}` block prints. */
export function generated(text: Text): Text {
  return text instanceof Traced
    ? new Traced(text.trace, text.text, text.trace.generated(text.marks), text.state)
    : text;
}

/** @param times not negative */
export function repeated(text: Text, times: number): Text {
  return text instanceof Traced
    ? new Traced(text.trace, text.text.repeat(times), text.marks.repeat(times), text.state)
    : text.repeat(times);
}

/** A traced text under construction. */
export class Joined {
  readonly #trace: Trace;
  #text = "";
  #marks = "";
  #state: TurnState = settled;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  get length(): number {
    return this.#text.length;
  }

  add(part: Text): void {
    if (typeof part === "string") {
      this.#append(part, this.#trace.own(part.length), this.#trace.turn < 0 ? loose : settled);
    } else {
      const { text, marks, state } = part.printed();
      this.#append(text, marks, state);
    }
  }

  whole(): Traced {
    return new Traced(this.#trace, this.#text, this.#marks, this.#state);
  }

  #append(text: string, marks: string, state: TurnState): void {
    if (text !== "") {
      this.#text += text;
      this.#marks += marks;
      this.#state = state < this.#state ? state : this.#state;
    }
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
  const codes = new Set(traced.flatMap(({ marks }) => runsOf(marks).map(([code]) => code)));
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
  return new Traced(trace, made, trace.run(best, made.length), state);
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
  let own = "";
  let at = 0;
  for (const character of all) {
    own += trace.run(marks.charCodeAt(at), change(character).length);
    at += character.length;
  }
  return own.length === made.length ? new Traced(trace, made, own, state) : whole(made, [text]);
}
