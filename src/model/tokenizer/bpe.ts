// Byte-pair encoding of one word (Sennrich et al. 2016, arXiv:1508.07909).
//
// A word starts as a list of symbols, one per character (or per byte, written as a letter). The
// merges, learned in training, rank pairs of symbols. The pair with the lowest rank is merged into
// one symbol, the leftmost first among equals, until no neighbouring pair has a rank.
//
// Searching all pairs again after each merge is quadratic in the length of the word, and for Gemma
// a whole text is one word. So the pairs are in a heap ordered by (rank, position) and the symbols
// in a linked list: a merge changes two neighbours and pushes at most two new pairs. A pair that is
// outdated because one of its symbols was merged is skipped when it is popped: O(n log n).
// Source: tokenizers/src/models/bpe/{model,word}.rs; the same order of merges, so the same ids.
import type { Field } from "./field.ts";
import { readMerges, type Merges } from "./merges.ts";
import { byteTokens, fallBack, readVocabulary, type Vocabulary } from "./vocabulary.ts";

export interface TokenModel {
  vocabulary: Vocabulary;
  /**
   * Tokens of a word. A character without a token is left out if there is no unknown token.
   */
  tokenize(word: string): WordTokens;
}

/** Ids, and where each begins and ends in the word; the bytes of a character have its stretch. */
export interface WordTokens {
  ids: readonly number[];
  begins: readonly number[];
  ends: readonly number[];
}

export function readBpe(field: Field): TokenModel {
  const vocabulary = readVocabulary(field.at("vocab"));
  const prefix = optionalText(field.at("continuing_subword_prefix"));
  const merges = readMerges(field.at("merges"), vocabulary, prefix.length);
  const startOf = readStart(field, vocabulary, prefix);
  const takesWhole = field.at("ignore_merges").flag(false);
  return {
    vocabulary,
    tokenize(word) {
      const whole = takesWhole ? vocabulary.idOf.get(word) : undefined;
      return whole === undefined
        ? mergeAll(startOf(word), merges)
        : { ids: [whole], begins: [0], ends: [word.length] };
    },
  };
}

/** Maps a word to its characters as tokens, before any merge. */
function readStart(
  field: Field,
  { idOf }: Vocabulary,
  prefix: string,
): (word: string) => WordTokens {
  const suffix = optionalText(field.at("end_of_word_suffix"));
  const ofByte = field.at("byte_fallback").flag(false) ? byteTokens(idOf) : null;
  const unknown = readUnknown(field.at("unk_token"), idOf);
  const fusesUnknown = field.at("fuse_unk").flag(false);
  return (word) => {
    const [ids, begins, ends]: [number[], number[], number[]] = [[], [], []];
    const add = (id: number, begin: number, end: number) => {
      ids.push(id);
      begins.push(begin);
      ends.push(end);
    };
    // The unknown token that is not added yet: further unknown characters may join it.
    let [unknownBegin, unknownEnd] = [-1, -1];
    const addUnknown = () => {
      if (unknown !== null && unknownBegin >= 0) {
        add(unknown, unknownBegin, unknownEnd);
      }
      unknownBegin = -1;
    };
    let begin = 0;
    for (const character of word) {
      const end = begin + character.length;
      const token = (begin === 0 ? "" : prefix) + character + (end < word.length ? "" : suffix);
      const id = idOf.get(token);
      const bytes = id === undefined && ofByte !== null ? fallBack(token, ofByte) : null;
      if (bytes !== null) {
        for (const byte of bytes) {
          add(byte, begin, end);
        }
      } else if (id !== undefined) {
        addUnknown();
        add(id, begin, end);
      } else {
        if (!fusesUnknown) {
          addUnknown();
        }
        unknownBegin = unknownBegin < 0 ? begin : unknownBegin;
        unknownEnd = end;
      }
      begin = end;
    }
    addUnknown();
    return { ids, begins, ends };
  };
}

function readUnknown(field: Field, idOf: ReadonlyMap<string, number>): number | null {
  if (!field.isGiven) {
    return null;
  }
  const id = idOf.get(field.text());
  if (id === undefined) {
    throw field.fault("is not in the vocabulary");
  }
  return id;
}

function optionalText(field: Field): string {
  return field.isGiven ? field.text() : "";
}

/** A candidate pair is rank * placeRange + place: it sorts by rank, then from left to right. */
const placeRange = 2 ** 32;

function mergeAll(start: WordTokens, merges: Merges): WordTokens {
  if (start.ids.length < 2) {
    return start;
  }
  // For the few symbols of most words, typed arrays take longer to make than to use.
  const ids = [...start.ids];
  const ends = [...start.ends];
  const count = ids.length;
  const next = ids.map((_, place) => place + 1);
  const before = ids.map((_, place) => place - 1);
  const heap = new Heap();
  const rankAt = (place: number) => {
    const after = next[place] ?? count;
    return after >= count ? -1 : merges.rankOf(ids[place] ?? 0, ids[after] ?? 0);
  };
  const offer = (place: number) => {
    const rank = rankAt(place);
    if (rank >= 0) {
      heap.push(rank * placeRange + place);
    }
  };
  for (let place = 0; place < count - 1; place++) {
    offer(place);
  }
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const rank = Math.floor(top / placeRange);
    const place = top - rank * placeRange;
    // A pair is outdated when one of its symbols has been merged since it was pushed.
    if ((ids[place] ?? -1) < 0 || rankAt(place) !== rank) {
      continue;
    }
    const gone = next[place] ?? count;
    const after = next[gone] ?? count;
    ids[place] = merges.resultOf(rank);
    ids[gone] = -1;
    ends[place] = ends[gone] ?? 0;
    next[place] = after;
    if (after < count) {
      before[after] = place;
    }
    offer(place);
    const previous = before[place] ?? -1;
    if (previous >= 0) {
      offer(previous);
    }
  }
  const isLeft = (_: number, place: number) => (ids[place] ?? -1) >= 0;
  return {
    ids: ids.filter(isLeft),
    begins: start.begins.filter(isLeft),
    ends: ends.filter(isLeft),
  };
}

/** A binary heap; `pop` returns the smallest number. */
class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let place = items.length;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      const above = items[parent] ?? 0;
      if (above <= item) {
        break;
      }
      items[place] = above;
      place = parent;
    }
    items[place] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) {
      return top;
    }
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= items.length) {
        break;
      }
      if (child + 1 < items.length && (items[child + 1] ?? 0) < (items[child] ?? 0)) {
        child++;
      }
      const below = items[child] ?? 0;
      if (below >= last) {
        break;
      }
      items[place] = below;
      place = child;
    }
    items[place] = last;
    return top;
  }
}
