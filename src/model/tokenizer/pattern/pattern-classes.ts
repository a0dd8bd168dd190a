// The character classes of Oniguruma for JavaScript's `v` flag: shorthands, POSIX names, Unicode
// properties and case-insensitive letters.
// Source: Oniguruma doc/RE; compared with Python's tokenizers over all characters.

/** `\w` inside a class. */
export const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
/** `\w` outside a class; Oniguruma includes these numbers only there. */
export const wordAndLatinNumbers = `[${word}\\u00b2\\u00b3\\u00b9\\u00bc-\\u00be]`;

/** Shorthands, as members of a class. */
const classOf: Readonly<Record<string, string>> = {
  s: String.raw`\p{White_Space}`,
  d: String.raw`\p{Nd}`,
  w: word,
  h: "0-9A-Fa-f",
};

const posix: Readonly<Record<string, string>> = {
  alpha: String.raw`\p{Alphabetic}`,
  alnum: String.raw`\p{Alphabetic}\p{Nd}`,
  digit: String.raw`\p{Nd}`,
  lower: String.raw`\p{Lowercase}`,
  upper: String.raw`\p{Uppercase}`,
  space: String.raw`\p{White_Space}`,
  blank: String.raw`\t\p{Zs}`,
  punct: String.raw`\p{P}\p{S}`,
  cntrl: String.raw`\p{Cc}`,
  word,
  xdigit: "0-9A-Fa-f",
};

/** Escapes of control characters. */
export const controls: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  f: "\f",
  v: "\v",
  a: "\x07",
  e: "\x1b",
};

/** Two ASCII letters have a third case: long s and the Kelvin sign. */
const thirdCase: Readonly<Record<string, string>> = { s: "\u017f", k: "\u212a" };

/** The class of a shorthand such as `\s`; null for any other letter. */
export function shorthand(letter: string): string | null {
  const members = Object.hasOwn(classOf, letter.toLowerCase())
    ? classOf[letter.toLowerCase()]
    : null;
  if (members === undefined || members === null) {
    return null;
  }
  return letter === letter.toLowerCase() ? `[${members}]` : `[^${members}]`;
}

/**
 * The class of a POSIX name.
 * @param named `:alpha:]` or `:^alpha:]`
 * @throws SyntaxError for an unknown name
 */
export function posixClass(named: string): string {
  const name = named.replace(/[:^\]]/g, "");
  const members = Object.hasOwn(posix, name) ? posix[name] : undefined;
  if (members === undefined) {
    throw new SyntaxError(`[${named} is not supported`);
  }
  return named.includes("^") ? `[^${members}]` : `[${members}]`;
}

/** Whether JavaScript knows a Unicode property. */
export function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, "v").flags === "v";
  } catch {
    return false;
  }
}

/**
 * The letters of a range in their other cases, as members of a class.
 * @throws SyntaxError for a range beyond ASCII
 */
export function otherCases(first: string, last: string): string {
  const [from, to] = [codeOf(first) ?? 0, codeOf(last) ?? 0];
  if (to > 0x7f) {
    if (from !== to) {
      throw new SyntaxError("a range beyond ASCII without regard to case is not supported");
    }
    const others = [first.toLowerCase(), first.toUpperCase()].filter((other) => other !== first);
    return others.map((other) => codePoint(other)).join("");
  }
  let others = "";
  for (let code = from; code <= to; code++) {
    const letter = String.fromCharCode(code);
    const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    others += other === letter ? "" : codePoint(other);
    const third = thirdCase[letter.toLowerCase()];
    others += third === undefined ? "" : codePoint(third);
  }
  return others;
}

/** The first code point. */
export function codeOf(character: string): number | undefined {
  return character.codePointAt(0);
}

/** Characters as `\\u{...}`, so that none has a special meaning. */
export function codePoint(characters: string): string {
  return Array.from(characters, (one) => `\\u{${(codeOf(one) ?? 0).toString(16)}}`).join("");
}
