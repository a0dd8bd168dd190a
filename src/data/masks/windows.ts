// A long text as windows of at most maxLength tokens, one after another: together they are the
// text, and no part of it is in two.
import { cutPlace } from "../../util/cut-place.ts";
import type { EncodedText, TextTokenizer } from "../tokenizer.ts";

export interface Window {
  text: string;
  /** With the special tokens that the tokenizer adds to any text. */
  encoded: EncodedText;
}

/**
 * Each window is as long as its last good cut allows, and is tokenised by itself: so the tokens are
 * those that the model meets when it reads such a text.
 * @param ending behind the whole text, such as the end-of-sequence token; "" for none
 * @param maxLength tokens. A window that is one character long may have more.
 */
export function windowsOf(
  text: string,
  ending: string,
  tokenizer: TextTokenizer,
  maxLength: number,
): Window[] {
  const encode = (own: string): Window => ({
    text: own,
    encoded: tokenizer.encodeWithOffsets(own, true),
  });
  const places = tokenPlaces(text, tokenizer);
  const budget = Math.max(1, maxLength - tokenizer.encode("").length);
  const windows: Window[] = [];
  let begin = 0;
  let first = 0;
  for (;;) {
    while (first < places.length && (places[first] ?? 0) <= begin) {
      first++;
    }
    if (places.length - first <= maxLength) {
      const rest = encode(text.slice(begin) + ending);
      if (rest.encoded.tokens.length <= maxLength || isOneCharacter(text.slice(begin))) {
        return [...windows, rest];
      }
    }
    const limit = Math.min(places[first + budget - 1] ?? text.length, text.length - 1);
    const [part, end] = longestFrom(text, begin, limit, maxLength, encode);
    windows.push(part);
    begin = end;
  }
}

/** Where the tokens of the text end, in characters; those that stand for none left out. */
function tokenPlaces(text: string, tokenizer: TextTokenizer): number[] {
  const { begins, ends } = tokenizer.encodeWithOffsets(text, false);
  return ends.filter((end, index) => end > (begins[index] ?? end));
}

/** A cut can make more tokens than the text had there: then it is made earlier. */
function longestFrom(
  text: string,
  begin: number,
  limit: number,
  maxLength: number,
  encode: (part: string) => Window,
): [part: Window, end: number] {
  for (let most = Math.max(limit, begin + 1); ;) {
    const end = cutPlace(text, begin, most);
    const part = encode(text.slice(begin, end));
    if (part.encoded.tokens.length <= maxLength || isOneCharacter(part.text)) {
      return [part, end];
    }
    const share = maxLength / part.encoded.tokens.length;
    most = Math.max(begin + 1, Math.min(end - 1, begin + Math.floor((end - begin) * share)));
  }
}

function isOneCharacter(text: string): boolean {
  return text.length <= 2 && /^.?$/su.test(text);
}
