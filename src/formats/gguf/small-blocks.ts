// Decodes blocks of 32 or 64 values with one f16 scale, and in the _1 types an f16 minimum. Of 4
// and 5 bits, the low nibbles are the first 16 values and the high nibbles the last; the fifth bits
// are a u32 beside them. Source: ggml-org/llama.cpp ggml/src/ggml-quants.c (dequantize_row_q4_0 and
// so on). Products are exact in f64, so a value rounds once, as in f32 there.
import { halfAt } from "./half.ts";

/** Writes the values of whole blocks. */
export type BlockDecoder = (bytes: Uint8Array, values: Float32Array) => void;

const size = 32;

export const q8Block: BlockDecoder = (bytes, values) => {
  for (let out = 0, at = 0; out < values.length; at += 34) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < size; i++, out++) {
      values[out] = scale * (((bytes[at + 2 + i] ?? 0) << 24) >> 24);
    }
  }
};

/** Four codes in a byte, lowest bits first: 0 to 3 stand for -1, 0, 1 and 2 times the scale. */
export const q2Block0: BlockDecoder = (bytes, values) => {
  for (let out = 0, at = 0; out < values.length; at += 18) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < 64; i++, out++) {
      values[out] = scale * ((((bytes[at + 2 + (i >> 2)] ?? 0) >> ((i & 3) * 2)) & 3) - 1);
    }
  }
};

/** What a nibble of IQ4_NL stands for (ggml/src/ggml-common.h, kvalues_iq4nl). */
const nonLinear = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

export const iq4NonLinearBlock: BlockDecoder = (bytes, values) => {
  for (let out = 0, at = 0; out < values.length; out += size, at += 18) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < size; i++) {
      const nibble = ((bytes[at + 2 + (i & 15)] ?? 0) >> (i < 16 ? 0 : 4)) & 15;
      values[out + i] = scale * (nonLinear[nibble] ?? 0);
    }
  }
};

export const q4Block0 = nibbleBlocks(18, (bytes, at) => {
  const scale = halfAt(bytes, at);
  return { scale, zero: 8, minimum: null, nibbles: at + 2, fifths: 0 };
});

export const q4Block1 = nibbleBlocks(20, (bytes, at) => {
  const minimum = halfAt(bytes, at + 2);
  return { scale: halfAt(bytes, at), zero: 0, minimum, nibbles: at + 4, fifths: 0 };
});

export const q5Block0 = nibbleBlocks(22, (bytes, at) => {
  const fifths = u32At(bytes, at + 2);
  return { scale: halfAt(bytes, at), zero: 16, minimum: null, nibbles: at + 6, fifths };
});

export const q5Block1 = nibbleBlocks(24, (bytes, at) => {
  const minimum = halfAt(bytes, at + 2);
  const fifths = u32At(bytes, at + 4);
  return { scale: halfAt(bytes, at), zero: 0, minimum, nibbles: at + 8, fifths };
});

/** The part of a block before its nibbles. */
interface BlockHeader {
  scale: number;
  /** Code of the value 0. */
  zero: number;
  minimum: number | null;
  /** Offset of the nibbles. */
  nibbles: number;
  /** A fifth bit for each value. */
  fifths: number;
}

function nibbleBlocks(
  blockBytes: number,
  readHeader: (bytes: Uint8Array, at: number) => BlockHeader,
): BlockDecoder {
  return (bytes, values) => {
    for (let out = 0, at = 0; out < values.length; out += size, at += blockBytes) {
      const { scale, zero, minimum, nibbles, fifths } = readHeader(bytes, at);
      for (let i = 0; i < size; i++) {
        const nibble = ((bytes[nibbles + (i & 15)] ?? 0) >> (i < 16 ? 0 : 4)) & 15;
        const product = scale * ((nibble | (((fifths >>> i) & 1) << 4)) - zero);
        // Adding 0 for a missing minimum would change -0 to 0.
        values[out + i] = minimum === null ? product : product + minimum;
      }
    }
  };
}

function u32At(bytes: Uint8Array, at: number): number {
  const byte = (i: number) => bytes[at + i] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}
