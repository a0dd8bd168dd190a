// Widens a bit stream of quantisation codes so that no code crosses a word boundary.
import type { AffineBits } from "../weight-format/affine.ts";

/**
 * @param words a stream of codes, lowest bit first; whole codes
 * @param bits of a code in the stream, at most `keptBits`
 * @returns the same codes with `keptBits` each; the given words where the width is equal
 */
export function widenCodes(
  words: Uint32Array<ArrayBuffer>,
  bits: number,
  keptBits: AffineBits,
): Uint32Array<ArrayBuffer> {
  if (bits === keptBits) {
    return words;
  }
  const count = (words.length * 32) / bits;
  const perWord = 32 / keptBits;
  const mask = 2 ** bits - 1;
  const widened = new Uint32Array(count / perWord);
  let at = 0;
  for (let word = 0; word < widened.length; word++) {
    let packed = 0;
    for (let place = 0; place < perWord; place++) {
      const index = at >>> 5;
      const offset = at & 31;
      const low = (words[index] ?? 0) >>> offset;
      // JavaScript shifts modulo 32. The offset is above 0 wherever a code crosses into the next
      // word, so the shift is below 32.
      const high = offset + bits > 32 ? (words[index + 1] ?? 0) << (32 - offset) : 0;
      packed |= ((low | high) & mask) << (place * keptBits);
      at += bits;
    }
    widened[word] = packed;
  }
  return widened;
}
