// Splits a text at the matches of a pattern: the five behaviours of tokenizers' `Split`.
// Source: tokenizers/src/tokenizer/normalizer.rs (SplitDelimiterBehavior) and pattern.rs.
import { compilePattern } from "./pattern/pattern.ts";
import type { Field } from "./field.ts";
import { sizeAt } from "./normalize/alignment.ts";

export const behaviors = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;
export type Behavior = (typeof behaviors)[number];

/** A part of a text and where it begins. */
export interface Part {
  text: string;
  begin: number;
}

interface Piece extends Part {
  isMatch: boolean;
}

/** Reads `{"String": ...}` or `{"Regex": ...}`; null matches nothing, like the empty text. */
export function readPattern(field: Field): RegExp | null {
  if (field.at("String").isGiven) {
    const text = field.at("String").text();
    return text === "" ? null : literalPattern(text);
  }
  const regex = field.at("Regex");
  try {
    return compilePattern(regex.text());
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw regex.fault(`is not a supported regular expression (${error.message})`);
    }
    throw error;
  }
}

export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`), "gv");
}

/**
 * A function that cuts a text into parts, none of them empty.
 * @param isInverted whether the text between the matches counts as the match
 */
export function splitter(
  pattern: RegExp | null,
  behavior: Behavior,
  isInverted = false,
): (text: string) => Part[] {
  if (pattern !== null && behavior === "Isolated") {
    return isolator(pattern);
  }
  return (text) => {
    const pieces = cut(text, pattern);
    if (isInverted) {
      pieces.forEach((piece) => {
        piece.isMatch = !piece.isMatch;
      });
    }
    return join(pieces, behavior).filter((piece) => piece.text !== "");
  };
}

/**
 * Isolated parts are the matches and what is between them. Patterns of words match one after the
 * other: tested where the last match ended, they need no search and no object for a match.
 */
function isolator(pattern: RegExp): (text: string) => Part[] {
  const here = new RegExp(pattern, pattern.flags.replace("g", "y"));
  const later = new RegExp(pattern);
  return (text) => {
    const parts: Part[] = [];
    let begin = 0;
    while (begin < text.length) {
      here.lastIndex = begin;
      const isMatch = here.test(text) && here.lastIndex > begin;
      const end = isMatch ? here.lastIndex : matchAfter(text, begin, later);
      parts.push({ text: text.slice(begin, end), begin });
      begin = end;
    }
    return parts;
  };
}

/** Where the next match begins, behind the character at a place; the end where there is none. */
function matchAfter(text: string, place: number, pattern: RegExp): number {
  pattern.lastIndex = place + sizeAt(text, place);
  return pattern.exec(text)?.index ?? text.length;
}

function cut(text: string, pattern: RegExp | null): Piece[] {
  if (pattern === null) {
    return [{ text, begin: 0, isMatch: false }];
  }
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) {
      pieces.push({ text: text.slice(end, match.index), begin: end, isMatch: false });
    }
    pieces.push({ text: match[0], begin: match.index, isMatch: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) {
    pieces.push({ text: text.slice(end), begin: end, isMatch: false });
  }
  return pieces;
}

function join(pieces: readonly Piece[], behavior: Behavior): readonly Part[] {
  switch (behavior) {
    case "Isolated":
      return pieces;
    case "Removed":
      return pieces.filter(({ isMatch }) => !isMatch);
    case "Contiguous":
      return grouped(pieces, (piece, before) => piece.isMatch === before.isMatch);
    case "MergedWithPrevious":
      return grouped(pieces, (piece, before) => piece.isMatch && !before.isMatch);
    case "MergedWithNext":
      return grouped(pieces, (piece, before) => before.isMatch && !piece.isMatch);
  }
}

function grouped(
  pieces: readonly Piece[],
  joins: (piece: Piece, before: Piece) => boolean,
): Part[] {
  const parts: Part[] = [];
  let before: Piece | undefined;
  let last: Part | undefined;
  for (const piece of pieces) {
    if (last !== undefined && before !== undefined && joins(piece, before)) {
      last.text += piece.text;
    } else {
      last = { text: piece.text, begin: piece.begin };
      parts.push(last);
    }
    before = piece;
  }
  return parts;
}
