// Added tokens, which are matched in a text before all other steps: special tokens and words added
// after training. Source: tokenizers/src/tokenizer/added_vocabulary.rs.
import type { Field } from "./field.ts";
import { maxTokens, type Vocabulary } from "./vocabulary.ts";
import { shortJson } from "../../util/short-json.ts";

export interface AddedToken {
  id: number;
  content: string;
  /** Its text in the searched texts, and in decoded ones. */
  form: string;
  /** Skipped when a text is decoded for display. */
  isSpecial: boolean;
  /** Matched in the normalised text. */
  isNormalized: boolean;
  /** Matched only where no letter or digit is adjacent. */
  isSingleWord: boolean;
  /** Absorbs the white space before it, after it. */
  stripsLeft: boolean;
  stripsRight: boolean;
}

/** A piece of text, or the added token that was matched; the spaces that it absorbs are its own. */
export type Section = { text: string; begin: number } | { id: number; begin: number; end: number };

/** A token to add, as an entry of `added_tokens` without its id. */
export interface TokenToAdd {
  content: string;
  special: boolean;
  normalized: boolean;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
}

/**
 * Reads added tokens. An id must equal the one that Python assigns: the vocabulary's, else the next
 * free one.
 */
export function readAddedTokens(
  field: Field,
  vocabulary: Vocabulary,
  normalize: (text: string) => string,
): AddedTokens {
  const added = new AddedTokens(vocabulary, normalize);
  const items = field.isGiven ? field.items() : [];
  if (items.length > maxTokens) {
    throw field.fault(`has ${items.length} tokens, more than ${maxTokens}`);
  }
  for (const item of items) {
    const id = item.at("id").count(maxTokens - 1);
    const token = readToken(item);
    const assigned = added.add(token);
    if (id !== assigned) {
      throw item.at("id").fault(`is ${id}, but ${shortJson(token.content)} has the id ${assigned}`);
    }
  }
  return added;
}

/** Assigns ids as Python does; a token that is added again keeps its id and has the new flags. */
export class AddedTokens {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #vocabulary: Vocabulary;
  readonly #normalize: (text: string) => string;
  #nextId: number;

  constructor(vocabulary: Vocabulary, normalize: (text: string) => string) {
    this.#vocabulary = vocabulary;
    this.#normalize = normalize;
    this.#nextId = vocabulary.size;
  }

  /** @returns its id */
  add(token: TokenToAdd): number {
    const { content, normalized } = token;
    const id = this.#vocabulary.idOf.get(content) ?? this.#tokens.get(content)?.id ?? this.#nextId;
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#tokens.set(content, {
      id,
      content,
      form: normalized ? this.#normalize(content) : content,
      isSpecial: token.special,
      isNormalized: normalized,
      isSingleWord: token.single_word,
      stripsLeft: token.lstrip,
      stripsRight: token.rstrip,
    });
    return id;
  }

  /** In the order of their first addition. */
  all(): AddedToken[] {
    return [...this.#tokens.values()].filter(({ content }) => content !== "");
  }
}

function readToken(field: Field): TokenToAdd {
  const special = field.at("special").flag(false);
  return {
    content: field.at("content").text(),
    special,
    normalized: field.at("normalized").flag(!special),
    single_word: field.at("single_word").flag(false),
    lstrip: field.at("lstrip").flag(false),
    rstrip: field.at("rstrip").flag(false),
  };
}

interface TrieNode {
  next: Map<string, TrieNode>;
  token: AddedToken | null;
}

/** Finds added tokens with a trie: the longest match at the leftmost position. */
export class TokenFinder {
  readonly #root: TrieNode = { next: new Map(), token: null };
  /** Matches every unit that a token begins with. */
  readonly #beginnings: RegExp;

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens) {
      this.#plant(token);
    }
    const units = [...this.#root.next.keys()].map((unit) => unit.charCodeAt(0).toString(16));
    const escapes = units.map((hex) => String.raw`\u${hex.padStart(4, "0")}`);
    this.#beginnings = new RegExp(`[${escapes.join("")}]`, "g");
  }

  /** Splits a text at its added tokens; the texts between are never empty. */
  sections(text: string): Section[] {
    const sections: Section[] = [];
    let end = 0;
    for (let at = this.#candidate(text, 0); at >= 0; at = this.#candidate(text, at)) {
      const found = this.#longestAt(text, at);
      if (found === null) {
        at++;
        continue;
      }
      const { token, length } = found;
      let [begin, stop] = [at, at + length];
      at = stop;
      if (token.isSingleWord && touchesWord(text, begin, stop)) {
        continue;
      }
      begin = token.stripsLeft ? Math.max(end, beginOfSpace(text, begin)) : begin;
      stop = token.stripsRight ? endOfSpace(text, stop) : stop;
      if (end < begin) {
        sections.push({ text: text.slice(end, begin), begin: end });
      }
      sections.push({ id: token.id, begin, end: stop });
      end = stop;
    }
    if (end < text.length) {
      sections.push({ text: text.slice(end), begin: end });
    }
    return sections;
  }

  #plant(token: AddedToken): void {
    let node = this.#root;
    for (const unit of token.form.split("")) {
      let child = node.next.get(unit);
      if (child === undefined) {
        child = { next: new Map(), token: null };
        node.next.set(unit, child);
      }
      node = child;
    }
    if (node !== this.#root) {
      node.token = token;
    }
  }

  /** The next place where a token can begin; -1 where there is none. */
  #candidate(text: string, from: number): number {
    this.#beginnings.lastIndex = from;
    return this.#beginnings.test(text) ? this.#beginnings.lastIndex - 1 : -1;
  }

  #longestAt(text: string, begin: number): { token: AddedToken; length: number } | null {
    let found: { token: AddedToken; length: number } | null = null;
    let node = this.#root.next.get(text[begin] ?? "");
    for (let length = 1; node !== undefined; length++) {
      if (node.token !== null) {
        found = { token: node.token, length };
      }
      node = node.next.get(text[begin + length] ?? "");
    }
    return found;
  }
}

const wordSign = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const endsWithWord = new RegExp(`${wordSign}$`, "v");
const startsWithWord = new RegExp(`^${wordSign}`, "v");

function touchesWord(text: string, begin: number, end: number): boolean {
  return (
    endsWithWord.test(text.slice(Math.max(0, begin - 2), begin)) ||
    startsWithWord.test(text.slice(end, end + 2))
  );
}

const space = /\p{White_Space}/u;

function beginOfSpace(text: string, end: number): number {
  let begin = end;
  while (begin > 0 && space.test(text[begin - 1] ?? "")) {
    begin--;
  }
  return begin;
}

function endOfSpace(text: string, begin: number): number {
  let end = begin;
  while (end < text.length && space.test(text[end] ?? "")) {
    end++;
  }
  return end;
}
