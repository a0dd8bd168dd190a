// Splits a text at the matches of a pattern: the five behaviours of tokenizers' `Split`.
// Source: tokenizers/src/tokenizer/normalizer.rs (SplitDelimiterBehavior) and pattern.rs.
import { compilePattern } from "./pattern.ts";
import type { Field } from "./field.ts";

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

/** @param isInverted whether the text between the matches counts as the match */
export function split(
  text: string,
  pattern: RegExp | null,
  behavior: Behavior,
  isInverted = false,
): Part[] {
  const pieces = cut(text, pattern);
  if (isInverted) {
    pieces.forEach((piece) => {
      piece.isMatch = !piece.isMatch;
    });
  }
  return join(pieces, behavior).filter((piece) => piece.text !== "");
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
