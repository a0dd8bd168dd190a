// Decodes K-quants: blocks of 256 values in groups of 16 or 32, whose scales are small integers
// times the block's f16 scale. Source: ggml-org/llama.cpp ggml/src/ggml-quants.c
// (dequantize_row_q2_K to _q6_K). Here a row of 32 values that share their bytes' shift is called a
// lane: 8 of them make a block. Products and sums are exact in f64, so a value rounds once, as in
// f32 there.
import { halfAt } from "./half.ts";
import type { BlockDecoder } from "./small-blocks.ts";

const lanes = 8;
const laneSize = 32;

export const q2kBlock: BlockDecoder = (bytes, values) => {
  eachLane(values, 84, (at, lane, out) => {
    const scale = halfAt(bytes, at + 80);
    const minimum = halfAt(bytes, at + 82);
    for (let i = 0; i < laneSize; i++) {
      const packed = bytes[at + lane * 2 + (i >> 4)] ?? 0;
      const code = twoBits(bytes, at + 16, lane, i);
      values[out + i] = scale * (packed & 15) * code - minimum * (packed >> 4);
    }
  });
};

export const q3kBlock: BlockDecoder = (bytes, values) => {
  eachLane(values, 110, (at, lane, out) => {
    const scale = halfAt(bytes, at + 108);
    for (let i = 0; i < laneSize; i++) {
      const high = ((bytes[at + i] ?? 0) >> lane) & 1;
      const code = twoBits(bytes, at + 32, lane, i) - (high === 1 ? 0 : 4);
      values[out + i] = scale * sixBitScale(bytes, at + 96, lane * 2 + (i >> 4)) * code;
    }
  });
};

export const q4kBlock: BlockDecoder = (bytes, values) => {
  eachLane(values, 144, (at, lane, out) => {
    const [scale, minimum] = scaleAndMinimum(bytes, at, lane);
    for (let i = 0; i < laneSize; i++) {
      values[out + i] = scale * nibble(bytes, at + 16, lane, i) - minimum;
    }
  });
};

export const q5kBlock: BlockDecoder = (bytes, values) => {
  eachLane(values, 176, (at, lane, out) => {
    const [scale, minimum] = scaleAndMinimum(bytes, at, lane);
    for (let i = 0; i < laneSize; i++) {
      const fifth = ((bytes[at + 16 + i] ?? 0) >> lane) & 1;
      values[out + i] = scale * (nibble(bytes, at + 48, lane, i) | (fifth << 4)) - minimum;
    }
  });
};

export const q6kBlock: BlockDecoder = (bytes, values) => {
  eachLane(values, 210, (at, lane, out) => {
    const scale = halfAt(bytes, at + 208);
    // Nibbles lie in two halves of 64 bytes: low nibbles are their first two lanes, high ones the
    // other two.
    const from = at + (lane >> 2) * 64 + (lane & 1) * laneSize;
    const shift = ((lane >> 1) & 1) * 4;
    for (let i = 0; i < laneSize; i++) {
      const low = ((bytes[from + i] ?? 0) >> shift) & 15;
      const code = (low | (twoBits(bytes, at + 128, lane, i) << 4)) - 32;
      const groupScale = ((bytes[at + 192 + lane * 2 + (i >> 4)] ?? 0) << 24) >> 24;
      values[out + i] = scale * groupScale * code;
    }
  });
};

function eachLane(
  values: Float32Array,
  blockBytes: number,
  decode: (at: number, lane: number, out: number) => void,
): void {
  const count = values.length / laneSize;
  for (let index = 0; index < count; index++) {
    decode(Math.floor(index / lanes) * blockBytes, index % lanes, index * laneSize);
  }
}

/** Four lanes share 32 bytes, two bits each. */
function twoBits(bytes: Uint8Array, from: number, lane: number, i: number): number {
  return ((bytes[from + (lane >> 2) * laneSize + i] ?? 0) >> ((lane & 3) * 2)) & 3;
}

/** Two lanes share 32 bytes. */
function nibble(bytes: Uint8Array, from: number, lane: number, i: number): number {
  return ((bytes[from + (lane >> 1) * laneSize + i] ?? 0) >> ((lane & 1) * 4)) & 15;
}

/**
 * Of a lane in Q4_K and Q5_K: scale and minimum of the block, then 12 bytes with 6 bits of each for
 * 8 lanes. Those of the last four have their upper two bits on top of the first four's.
 */
function scaleAndMinimum(bytes: Uint8Array, at: number, lane: number): [number, number] {
  const packed = (i: number) => bytes[at + 4 + i] ?? 0;
  const [scale, minimum] =
    lane < 4
      ? [packed(lane) & 63, packed(lane + 4) & 63]
      : [
          (packed(lane + 4) & 15) | ((packed(lane - 4) >> 6) << 4),
          (packed(lane + 4) >> 4) | ((packed(lane) >> 6) << 4),
        ];
  return [halfAt(bytes, at) * scale, halfAt(bytes, at + 2) * minimum];
}

/**
 * One of 16 scales of Q3_K: four bits in 8 bytes, the upper two bits in the 4 behind, 32 for zero.
 */
function sixBitScale(bytes: Uint8Array, from: number, group: number): number {
  const low = ((bytes[from + (group & 7)] ?? 0) >> (group < 8 ? 0 : 4)) & 15;
  const high = ((bytes[from + 8 + (group & 3)] ?? 0) >> ((group >> 2) * 2)) & 3;
  return (low | (high << 4)) - 32;
}
