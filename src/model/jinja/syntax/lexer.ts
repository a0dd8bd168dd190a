// Splits the source of a template into tokens and removes white space as jinja2 does with
// trim_blocks and lstrip_blocks. Source: jinja2/lexer.py.
import { stripRight, whiteSpace } from "../printing.ts";
import { plain } from "../tracing/traced.ts";
import { TemplateFault } from "../values.ts";
import { shortJson } from "../../../util/short-json.ts";

export type TokenKind =
  | "data"
  | "blockBegin"
  | "blockEnd"
  | "outputBegin"
  | "outputEnd"
  | "name"
  | "text"
  | "integer"
  | "float"
  | "operator"
  | "end";

export interface Token {
  kind: TokenKind;
  value: string;
  line: number;
}

/** Limit of the source; the longest template in use (gpt-oss) has 16,000 characters. */
const maxLength = 1_000_000;

const s = `[${whiteSpace}]`;
const rawBegin = new RegExp(`\\{%([-+]?)${s}*raw${s}*(?:-%\\}${s}*|%\\})`, "y");
const rawEnd = new RegExp(`\\{%([-+]?)${s}*endraw${s}*(?:\\+%\\}|-%\\}${s}*|%\\}\\n?)`, "g");
const tag = /\{[%{#][-+]?/g;
const commentEnd = new RegExp(`\\+#\\}|-#\\}${s}*|#\\}\\n?`, "g");
const blockEnd = new RegExp(`\\+%\\}|-%\\}${s}*|%\\}\\n?`, "y");
const outputEnd = new RegExp(`-\\}\\}${s}*|\\}\\}`, "y");
const spaces = new RegExp(`${s}+`, "y");
const onlySpaces = new RegExp(`^${s}+$`);

const float = /\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?[eE][+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/y;
const integer =
  /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const text = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const operator = /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}<>=.:|,;]/y;

const closers: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** @throws TemplateFault naming the line */
export function tokenise(source: string): Token[] {
  if (source.length > maxLength) {
    throw new TemplateFault(`it has ${source.length} characters, more than ${maxLength}`);
  }
  return new Lexer(source.replace(/\r\n?/g, "\n").replace(/\n$/, "")).all();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #counted = 0;
  /** Whether the last token ended a line: then spaces before a block are removed. */
  #startsLine = true;

  constructor(source: string) {
    this.#source = source;
  }

  all(): Token[] {
    while (this.#at < this.#source.length) {
      this.#untilTag();
    }
    this.#push("end", "");
    return this.#tokens;
  }

  /** Text up to the next tag, and the content of the tag. */
  #untilTag(): void {
    tag.lastIndex = this.#at;
    const found = tag.exec(this.#source);
    if (found === null) {
      this.#pushData(this.#source.slice(this.#at));
      this.#at = this.#source.length;
      return;
    }
    const raw = this.#matchAt(rawBegin, found.index);
    const opening = raw?.[0] ?? found[0];
    const sign = raw === null ? opening.slice(2) : (raw[1] ?? "");
    const isOutput = opening.startsWith("{{");
    this.#pushData(this.#trimmed(this.#source.slice(this.#at, found.index), sign, isOutput));
    this.#at = found.index + opening.length;
    this.#startsLine = opening.endsWith("\n");
    if (raw !== null) {
      this.#raw();
    } else if (opening.startsWith("{#")) {
      this.#comment();
    } else {
      this.#push(isOutput ? "outputBegin" : "blockBegin", opening);
      this.#inside(isOutput);
    }
  }

  /** The text before a tag after trimming. */
  #trimmed(before: string, sign: string, isOutput: boolean): string {
    if (sign === "-") {
      return plain(stripRight(before));
    }
    if (sign === "+" || isOutput) {
      return before;
    }
    const lineStart = before.lastIndexOf("\n") + 1;
    const startsLine = lineStart > 0 || this.#startsLine;
    return startsLine && onlySpaces.test(before.slice(lineStart))
      ? before.slice(0, lineStart)
      : before;
  }

  #raw(): void {
    rawEnd.lastIndex = this.#at;
    const end = rawEnd.exec(this.#source);
    if (end === null) {
      throw this.#fault("a raw block is not closed");
    }
    this.#pushData(this.#trimmed(this.#source.slice(this.#at, end.index), end[1] ?? "", false));
    this.#move(end.index + end[0].length, end[0]);
  }

  #comment(): void {
    commentEnd.lastIndex = this.#at;
    const end = commentEnd.exec(this.#source);
    if (end === null) {
      throw this.#fault("a comment is not closed");
    }
    this.#move(end.index + end[0].length, end[0]);
  }

  /** The tokens of a block or of an output, through its end. */
  #inside(isOutput: boolean): void {
    const open: string[] = [];
    const [end, kind] = isOutput
      ? ([outputEnd, "outputEnd"] as const)
      : ([blockEnd, "blockEnd"] as const);
    while (this.#at < this.#source.length) {
      const closing = open.length === 0 ? this.#take(end) : null;
      if (closing !== null) {
        this.#push(kind, closing);
        this.#startsLine = closing.endsWith("\n");
        return;
      }
      if (this.#take(spaces) === null) {
        this.#token(open);
      }
    }
    throw this.#fault(isOutput ? "{{ is not closed" : "{% is not closed");
  }

  #token(open: string[]): void {
    // A number after a dot is a place in a list: `a.0.1`.
    const afterDot = this.#source[this.#at - 1] === ".";
    for (const [kind, pattern] of [
      ["float", afterDot ? integer : float],
      ["integer", integer],
      ["name", name],
      ["text", text],
      ["operator", operator],
    ] as const) {
      const found = this.#take(pattern);
      if (found !== null) {
        this.#push(afterDot && kind === "float" ? "integer" : kind, found);
        if (kind === "operator") {
          this.#balance(found, open);
        }
        return;
      }
    }
    throw this.#fault(`${shortJson(this.#source[this.#at])} is not expected`);
  }

  #balance(found: string, open: string[]): void {
    const closer = closers[found];
    if (closer !== undefined) {
      open.push(closer);
    } else if (")]}".includes(found) && open.pop() !== found) {
      throw this.#fault(`${found} closes nothing`);
    }
  }

  #take(pattern: RegExp): string | null {
    const found = this.#matchAt(pattern, this.#at)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #matchAt(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#source);
  }

  #move(at: number, last: string): void {
    this.#at = at;
    this.#startsLine = last.endsWith("\n");
  }

  #pushData(value: string): void {
    if (value !== "") {
      this.#push("data", value);
    }
  }

  #push(kind: TokenKind, value: string): void {
    this.#tokens.push({ kind, value, line: this.#currentLine() });
  }

  #currentLine(): number {
    for (; this.#counted < this.#at; this.#counted++) {
      this.#line += this.#source[this.#counted] === "\n" ? 1 : 0;
    }
    return this.#line;
  }

  #fault(what: string): TemplateFault {
    return new TemplateFault(`line ${this.#currentLine()}: ${what}`);
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\x07",
  "\n": "",
};

/** The value of a text literal: Python's escapes; any other backslash is kept. */
export function unquote(quotedText: string): string {
  const escape = /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|[\s\S])/g;
  return quotedText.slice(1, -1).replace(escape, (whole) => {
    const body = whole.slice(1);
    if (body.length > 1 || /[0-7]/.test(body)) {
      const code = /^[0-7]/.test(body) ? parseInt(body, 8) : parseInt(body.slice(1), 16);
      return code > 0x10ffff ? whole : String.fromCodePoint(code);
    }
    return "\\'\"".includes(body) ? body : (simpleEscapes[body] ?? whole);
  });
}
