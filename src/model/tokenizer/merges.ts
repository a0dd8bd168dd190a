// The merges of a BPE model, in a hash table of integers: Gemma's 514,906 need 15 MB.
import { shown, type Field } from "./field.ts";
import { maxTokens, type Vocabulary } from "./vocabulary.ts";

export interface Merges {
  /** Rank of the pair, 0 for the first to merge; -1 for a pair that does not merge. */
  rankOf(left: number, right: number): number;
  /** Token that the merge of a rank produces. */
  resultOf(rank: number): number;
}

/** Reads `["a b", ...]` or `[["a", "b"], ...]`. A pair listed twice has the later rank. */
export function readMerges(field: Field, vocabulary: Vocabulary, prefixLength: number): Merges {
  const list = field.list();
  if (list.length > maxTokens) {
    throw field.fault(`has ${list.length} pairs, more than ${maxTokens}`);
  }
  const table = new PairTable(list.length);
  const results = new Int32Array(list.length);
  const { idOf } = vocabulary;
  list.forEach((item, rank) => {
    const [left, right] = readPair(item) ?? [];
    if (left === undefined || right === undefined) {
      throw field.item(item, rank).fault(`is ${shown(item)}, not a pair of tokens`);
    }
    const names = [left, right, left + right.slice(prefixLength)];
    const ids = names.map((name) => idOf.get(name));
    const absent = names.find((_, index) => ids[index] === undefined);
    if (absent !== undefined) {
      throw field.item(item, rank).fault(`names ${shown(absent)}, which is not in the vocabulary`);
    }
    table.set(ids[0] ?? 0, ids[1] ?? 0, rank);
    results[rank] = ids[2] ?? 0;
  });
  return {
    rankOf: (left, right) => table.get(left, right),
    resultOf: (rank) => results[rank] ?? 0,
  };
}

function readPair(item: unknown): string[] | null {
  const pair: unknown = typeof item === "string" ? item.split(" ") : item;
  return Array.isArray(pair) &&
    pair.length === 2 &&
    pair.every((token) => typeof token === "string")
    ? pair
    : null;
}

/** A hash table with open addressing, at most half full. */
class PairTable {
  readonly #mask: number;
  readonly #lefts: Int32Array;
  readonly #rights: Int32Array;
  readonly #ranks: Int32Array;

  constructor(pairs: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(pairs, 1) * 2));
    this.#mask = slots - 1;
    this.#lefts = new Int32Array(slots);
    this.#rights = new Int32Array(slots);
    this.#ranks = new Int32Array(slots).fill(-1);
  }

  get(left: number, right: number): number {
    return this.#ranks[this.#slotOf(left, right)] ?? -1;
  }

  set(left: number, right: number, rank: number): void {
    const slot = this.#slotOf(left, right);
    this.#lefts[slot] = left;
    this.#rights[slot] = right;
    this.#ranks[slot] = rank;
  }

  /** The slot of the pair, or the free slot for it. */
  #slotOf(left: number, right: number): number {
    let slot = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b);
    slot = (slot ^ (slot >>> 15)) & this.#mask;
    while (
      (this.#ranks[slot] ?? -1) >= 0 &&
      (this.#lefts[slot] !== left || this.#rights[slot] !== right)
    ) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}
