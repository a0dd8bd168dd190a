// Counter-based random numbers: a value depends on seed, stream and index only, so any step can be
// replayed from its number. Threefry-2x32, 20 rounds (Salmon et al. 2011, "Parallel random numbers:
// as easy as 1, 2, 3"): adds, rotations and xors on 32-bit words, the same in JavaScript and in
// WGSL.

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const KEY_PARITY = 0x1bd11bda;

/** One stream for each purpose: no two purposes share numbers. */
export const streams = { adapterInit: 1, shuffle: 2, dropout: 3, sampling: 4 } as const;

/**
 * One Threefry block: writes two 32-bit words into `out`.
 * Known answer: key (0, 0), counter (0, 0) gives 0x6b200159, 0x99ba4efe.
 */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  out: Uint32Array,
): void {
  const keys = [key0 | 0, key1 | 0, key0 ^ key1 ^ KEY_PARITY] as const;
  let x0 = (counter0 + keys[0]) | 0;
  let x1 = (counter1 + keys[1]) | 0;
  for (let group = 0; group < 5; group++) {
    const first = (group & 1) * 4;
    for (let round = first; round < first + 4; round++) {
      x0 = (x0 + x1) | 0;
      x1 = rotateLeft(x1, ROTATIONS[round] ?? 0) ^ x0;
    }
    x0 = (x0 + (keys[(group + 1) % 3] ?? 0)) | 0;
    x1 = (x1 + (keys[(group + 2) % 3] ?? 0) + group + 1) | 0;
  }
  out[0] = x0;
  out[1] = x1;
}

/** Rotates a 32-bit word. */
function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * `count` numbers, uniform in [0, 1), multiples of 2^-24 (exact in f32).
 * @param seed 32-bit
 * @param stream 32-bit: their purpose; see `streams` and `substream`
 */
export function uniforms(seed: number, stream: number, count: number): Float32Array {
  const values = new Float32Array(count);
  const block = new Uint32Array(2);
  for (let index = 0; index < count; index += 2) {
    threefry2x32(seed, stream, index >>> 1, 0, block);
    values[index] = ((block[0] ?? 0) >>> 8) * 2 ** -24;
    if (index + 1 < count) {
      values[index + 1] = ((block[1] ?? 0) >>> 8) * 2 ** -24;
    }
  }
  return values;
}

/** A separate stream for each list of numbers, e.g. (dropout, step, microStep, module). */
export function substream(stream: number, ...parts: number[]): number {
  const block = new Uint32Array([stream, 0]);
  for (const part of parts) {
    threefry2x32(block[0] ?? 0, block[1] ?? 0, part, stream, block);
  }
  return block[0] ?? 0;
}

/** The numbers 0 to count - 1 in an order drawn from seed and stream (Fisher-Yates). */
export function permutation(seed: number, stream: number, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const draws = uniforms(seed, stream, count);
  for (let last = count - 1; last > 0; last--) {
    const pick = Math.floor((draws[last] ?? 0) * (last + 1));
    const held = order[last] ?? 0;
    order[last] = order[pick] ?? 0;
    order[pick] = held;
  }
  return order;
}
