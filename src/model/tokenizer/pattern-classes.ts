// The character classes of Oniguruma, written for JavaScript's `v` flag: shorthands, POSIX names,
// Unicode properties, and letters without regard to case.
// Source: Oniguruma doc/RE; compared with Python's tokenizers over all characters.

export const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
/** Oniguruma's \w takes these outside of a class, and only there. */
export const wordAndLatinNumbers = `[${word}\\u00b2\\u00b3\\u00b9\\u00bc-\\u00be]`;
/** Shorthands as the inside of a class. */
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

export const controls: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  f: "\f",
  v: "\v",
  a: "\x07",
  e: "\x1b",
};

/** Lower and upper case of ASCII letters; these two have a third form (long s, Kelvin sign). */
const thirdCase: Readonly<Record<string, string>> = { s: "\u017f", k: "\u212a" };

/** `\s` and its like as a class; null for any other letter. */
export function shorthand(letter: string): string | null {
  const members = Object.hasOwn(classOf, letter.toLowerCase())
    ? classOf[letter.toLowerCase()]
    : null;
  if (members === undefined || members === null) {
    return null;
  }
  return letter === letter.toLowerCase() ? `[${members}]` : `[^${members}]`;
}

/** @param named `:alpha:]` or `:^alpha:]` */
export function posixClass(named: string): string {
  const name = named.replace(/[:^\]]/g, "");
  const members = Object.hasOwn(posix, name) ? posix[name] : undefined;
  if (members === undefined) {
    throw new SyntaxError(`[${named} is not known here`);
  }
  return named.includes("^") ? `[^${members}]` : `[${members}]`;
}

export function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, "v").flags === "v";
  } catch {
    return false;
  }
}

/** The letters of a range in their other cases, as members of a class. */
export function otherCases(first: string, last: string): string {
  const [from, to] = [codeOf(first) ?? 0, codeOf(last) ?? 0];
  if (to > 0x7f) {
    if (from !== to) {
      throw new SyntaxError("a range beyond ASCII without regard to case is not known here");
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

export function codeOf(character: string): number | undefined {
  return character.codePointAt(0);
}

/** Spelled by number, no character has a meaning of its own. */
export function codePoint(characters: string): string {
  return Array.from(characters, (one) => `\\u{${(codeOf(one) ?? 0).toString(16)}}`).join("");
}
