// Finds rows with equal tokens, through a table of hashes with open addressing: twelve bytes a row.
import type { TokenRow } from "./token-store.ts";
import type { TokenRows } from "./token-rows.ts";

/**
 * For each row the index of the first row with its tokens; its own where there is none before.
 * @param partOf the tokens of a row that count; null for a row that equals no other
 */
export function firstEqual(
  rows: TokenRows,
  partOf: (row: TokenRow) => Int32Array | null = ({ tokens }) => tokens,
): Uint32Array {
  const size = 2 ** Math.ceil(Math.log2(2 * rows.length + 1));
  const table = new Int32Array(size).fill(-1);
  const hashes = new Int32Array(rows.length);
  const firsts = new Uint32Array(rows.length);
  for (let index = 0; index < rows.length; index++) {
    firsts[index] = index;
    const tokens = partOf(rows.at(index));
    if (tokens === null) {
      continue;
    }
    const hash = hashOf(tokens);
    hashes[index] = hash;
    let slot = hash & (size - 1);
    for (; (table[slot] as number) >= 0; slot = (slot + 1) & (size - 1)) {
      const first = table[slot] as number;
      if (hashes[first] === hash && isEqual(partOf(rows.at(first)), tokens)) {
        firsts[index] = first;
        break;
      }
    }
    if (table[slot] === -1) {
      table[slot] = index;
    }
  }
  return firsts;
}

function isEqual(a: Int32Array | null, b: Int32Array): boolean {
  return a?.length === b.length && a.every((token, place) => token === b[place]);
}

/** FNV-1a over the tokens, with the high bits mixed into the low ones, which choose the slot. */
function hashOf(tokens: Int32Array): number {
  let hash = 0x811c9dc5;
  for (let place = 0; place < tokens.length; place++) {
    hash = Math.imul(hash ^ (tokens[place] as number), 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
