// Translates regular expressions of tokenizer.json (Oniguruma, Ruby syntax, UTF-8) to JavaScript.
// Differences: \s is White_Space (JavaScript adds U+FEFF and lacks U+0085), \d and \w are Unicode,
// `.` excludes \n only, `++ *+ ?+` and (?>) are possessive, (?i:) and POSIX classes exist, ^ and $
// match at lines. Source: Oniguruma doc/RE and doc/SYNTAX.md.
import { Freedom, repeatedBits } from "./backtracking.ts";
import {
  codeOf,
  codePoint,
  controls,
  isProperty,
  otherCases,
  posixClass,
  shorthand,
  word,
  wordAndLatinNumbers,
} from "./pattern-classes.ts";

/** Limit of the source, which bounds the work; the longest real one (GPT-4o) has 430 characters. */
const maxLength = 10_000;
const maxDepth = 50;

const lineStart = String.raw`(?<![^\n])`;
const lineEnd = String.raw`(?![^\n])`;

/**
 * @param source a regular expression of tokenizer.json
 * @returns an equivalent one with flags "gv"
 * @throws SyntaxError naming what is wrong or not supported
 */
export function compilePattern(source: string): RegExp {
  if (source.length > maxLength) {
    throw new SyntaxError(`it has ${source.length} characters, more than ${maxLength}`);
  }
  return new RegExp(new Translation(source).whole(), "gv");
}

class Translation {
  readonly #source: string;
  #at = 0;
  #isCaseFree = false;
  #captures = 0;
  /** Backtracking bits of the part translated last; see backtracking.ts. */
  #bits = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): string {
    const translated = this.#alternatives(0);
    if (this.#at < this.#source.length) {
      throw this.#unexpected();
    }
    return translated;
  }

  #alternatives(depth: number): string {
    if (depth > maxDepth) {
      throw new SyntaxError(`its groups nest deeper than ${maxDepth}`);
    }
    let translated = "";
    const freedom = new Freedom();
    while (this.#at < this.#source.length && this.#peek() !== ")") {
      if (this.#take("|")) {
        translated += "|";
        freedom.nextAlternative();
      } else {
        translated += this.#quantified(this.#atom(depth));
        freedom.add(this.#bits);
      }
    }
    this.#bits = freedom.bits;
    return translated;
  }

  /** Quantifiers may follow each other: `a{2}+` is (a{2})+, but `a++` is possessive. */
  #quantified(atom: string): string {
    const bits = this.#bits;
    let translated = atom;
    for (let before = ""; ;) {
      const quantifier = this.#match(/(?:[*+?]|\{(?:\d+(?:,\d*)?|,\d+)\})/y);
      if (quantifier === null) {
        return translated;
      }
      const times = quantifier.replace("{,", "{0,");
      const isBraced = times.startsWith("{");
      const isLazy = this.#take("?");
      if (times === "+" && !isLazy && /^\{1,\d+\}$/.test(before)) {
        // {1,3}+ in GPT-4's pattern equals +, which matches in one way instead of many.
        this.#bits = repeatedBits(times, bits);
        translated = `${atom}+`;
      } else {
        this.#bits = repeatedBits(times, this.#bits);
        const repeated = `${before === "" ? translated : `(?:${translated})`}${times}`;
        const isPossessive = !isLazy && !isBraced && this.#take("+");
        translated = isLazy ? `${repeated}?` : isPossessive ? this.#atomic(repeated) : repeated;
      }
      before = before === "" && !isLazy ? times : "?";
    }
  }

  /** An atomic group: JavaScript never backtracks into a lookahead, so its capture is final. */
  #atomic(inner: string): string {
    this.#bits = 0;
    const name = `a${this.#captures++}`;
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`;
  }

  #atom(depth: number): string {
    const character = this.#next();
    this.#bits = 0;
    switch (character) {
      case "(":
        return this.#group(depth);
      case "[":
        return this.#class(depth);
      case ".":
        return "[^\\n]";
      case "^":
        return lineStart;
      case "$":
        return lineEnd;
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new SyntaxError(`there is nothing before the ${character} at ${this.#at - 1}`);
      default:
        return this.#literal(character);
    }
  }

  #group(depth: number): string {
    const wasCaseFree = this.#isCaseFree;
    const opening = this.#match(/\?(?:<[=!]|[:=!>]|i:|-i:|<[A-Za-z_]\w*>)/y);
    if (opening === null && this.#peek() === "?") {
      throw new SyntaxError(`the group at ${this.#at - 1} is of an unknown kind`);
    }
    if (opening === "?i:" || opening === "?-i:") {
      this.#isCaseFree = opening === "?i:";
    }
    const inner = this.#alternatives(depth + 1);
    if (!this.#take(")")) {
      throw new SyntaxError("a group is not closed");
    }
    this.#isCaseFree = wasCaseFree;
    if (opening === "?>") {
      return this.#atomic(inner);
    }
    const looks = opening !== null && /^\?<?[=!]$/.test(opening);
    this.#bits = looks ? 0 : this.#bits;
    return looks ? `(${opening}${inner})` : `(?:${inner})`;
  }

  #escape(): string {
    const property = this.#property();
    if (property !== null) {
      return property;
    }
    const letter = this.#next();
    switch (letter) {
      case "A":
        return String.raw`(?<![\s\S])`;
      case "z":
        return String.raw`(?![\s\S])`;
      case "Z":
        return String.raw`(?=\n?(?![\s\S]))`;
      case "b":
        return `(?:(?<=${wordAndLatinNumbers})(?!${wordAndLatinNumbers})|(?<!${wordAndLatinNumbers})(?=${wordAndLatinNumbers}))`;
      case "w":
        return wordAndLatinNumbers;
      case "W":
        return wordAndLatinNumbers.replace("[", "[^");
      default:
        return shorthand(letter) ?? this.#literal(this.#character(letter));
    }
  }

  /** A class, after its bracket was read; `depth` limits nested classes. */
  #class(depth: number): string {
    if (depth > maxDepth) {
      throw new SyntaxError(`its classes nest deeper than ${maxDepth}`);
    }
    const start = this.#at - 1;
    const isNegated = this.#take("^");
    const operands: string[] = [];
    let members = this.#peek() === "]" ? this.#member(this.#next(), depth) : "";
    for (;;) {
      if (this.#at >= this.#source.length) {
        throw new SyntaxError(`the class at ${start} is not closed`);
      }
      const isEnd = this.#take("]");
      if (isEnd || this.#match(/&&/y) !== null) {
        if (members === "") {
          throw new SyntaxError(`the class at ${start} is empty`);
        }
        operands.push(members);
        members = "";
        if (isEnd) {
          const inner =
            operands.length === 1
              ? operands.join("")
              : operands.map((part) => `[${part}]`).join("&&");
          return `[${isNegated ? "^" : ""}${inner}]`;
        }
        continue;
      }
      members += this.#member(this.#next(), depth);
    }
  }

  /** A member of a class: a range, a character or a set. */
  #member(character: string, depth: number): string {
    if (character === "[") {
      const named = this.#match(/:\^?[a-z]+:\]/y);
      return named === null ? this.#class(depth + 1) : posixClass(named);
    }
    if (character === "\\") {
      const property = this.#property();
      if (property !== null) {
        return property;
      }
      const set = shorthand(this.#peek());
      if (set !== null) {
        this.#at++;
        return set;
      }
    }
    const first = character === "\\" ? this.#character(this.#next()) : character;
    if (this.#match(/-(?!\]|&&)/y) === null) {
      return this.#spelled(first, first);
    }
    const end = this.#next();
    const last = end === "\\" ? this.#character(this.#next()) : end;
    if (end === "[" || (codeOf(last) ?? 0) < (codeOf(first) ?? 0)) {
      throw new SyntaxError(`the range before ${this.#at} has no order`);
    }
    return this.#spelled(first, last);
  }

  #spelled(first: string, last: string): string {
    const range = `${codePoint(first)}-${codePoint(last)}`;
    return this.#isCaseFree ? range + otherCases(first, last) : range;
  }

  /** `\p{L}`, `\P{L}` or `\p{^L}`, after the backslash; null for anything else. */
  #property(): string | null {
    const property = this.#match(/[pP]\{\^?[A-Za-z_0-9 =-]+\}/y);
    if (property === null) {
      return null;
    }
    const isNegated = property.startsWith("P") !== property.startsWith("^", 2);
    const name = property.replace(/^[pP]\{\^?|\}$/g, "");
    if (this.#isCaseFree && /^(Lu|Ll|Lt|Uppercase|Lowercase|Upper|Lower)/.test(name)) {
      throw new SyntaxError(`\\${property} without regard to case is not supported`);
    }
    if (name === "Word") {
      return isNegated ? `[^${word}]` : `[${word}]`;
    }
    const known = [name, `Script=${name}`].find(isProperty);
    if (known === undefined) {
      throw new SyntaxError(`\\${property} is not supported`);
    }
    return `\\${isNegated ? "P" : "p"}{${known}}`;
  }

  /** The character of an escape, after its first letter was read. */
  #character(letter: string): string {
    const hex =
      letter === "x"
        ? this.#match(/\{[0-9A-Fa-f]{1,6}\}|[0-9A-Fa-f]{1,2}/y)
        : letter === "u"
          ? this.#match(/[0-9A-Fa-f]{4}/y)
          : null;
    if (hex !== null) {
      return String.fromCodePoint(Math.min(parseInt(hex.replace("{", ""), 16), 0x10ffff));
    }
    const control = controls[letter];
    if (control !== undefined) {
      return control;
    }
    if (/[A-Za-z0-9]/.test(letter)) {
      throw new SyntaxError(`\\${letter} is not supported`);
    }
    return letter;
  }

  #literal(character: string): string {
    const others = this.#isCaseFree ? otherCases(character, character) : "";
    return others === "" ? codePoint(character) : `[${codePoint(character)}${others}]`;
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #next(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) {
      throw new SyntaxError("it ends too early");
    }
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }

  #take(character: string): boolean {
    const isNext = this.#peek() === character;
    this.#at += isNext ? 1 : 0;
    return isNext;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`the ${this.#peek()} at ${this.#at} closes nothing`);
  }
}
