// Finds rows with equal tokens, through a table of hashes with open addressing: eight bytes a row.
import type { TokenRows } from "./token-rows.ts";

/**
 * Calls `found` for each row that has the tokens of one before it.
 * @param lists are searched one after another
 * @param found gets the row, and the list that holds the first row of these tokens
 */
export function findEqual(
  lists: readonly TokenRows[],
  found: (rows: TokenRows, index: number, first: TokenRows) => void,
): void {
  const total = lists.reduce((sum, { length }) => sum + length, 0);
  const size = 2 ** Math.ceil(Math.log2(2 * total + 1));
  const table = new Int32Array(size).fill(-1);
  const hashes = new Int32Array(total);
  let before = 0;
  for (const rows of lists) {
    for (let index = 0; index < rows.length; index++) {
      const number = before + index;
      const { tokens } = rows.at(index);
      const hash = hashOf(tokens);
      hashes[number] = hash;
      let slot = hash & (size - 1);
      for (; (table[slot] as number) >= 0; slot = (slot + 1) & (size - 1)) {
        const first = table[slot] as number;
        const other = placeOf(lists, first);
        if (hashes[first] === hash && isEqual(other.rows.at(other.index).tokens, tokens)) {
          found(rows, index, other.rows);
          break;
        }
      }
      if (table[slot] === -1) {
        table[slot] = number;
      }
    }
    before += rows.length;
  }
}

function placeOf(lists: readonly TokenRows[], number: number): { rows: TokenRows; index: number } {
  let index = number;
  for (const rows of lists) {
    if (index < rows.length) {
      return { rows, index };
    }
    index -= rows.length;
  }
  throw new Error(`There is no row ${number}.`);
}

function isEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((token, place) => token === b[place]);
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
