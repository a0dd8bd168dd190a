// Repacks GGUF blocks of 32 as groups of q4 and q8: codes and scales are moved, not requantised.
// All values stay equal, except for the sign of zero.
import { halfAt } from "../../formats/gguf/half.ts";
import { f32ToF16 } from "../../util/bytes.ts";
import type { WeightFormat } from "../weight-format/format.ts";

export interface Packing {
  format: Extract<WeightFormat, "q4" | "q8">;
  blockBytes: number;
  /** Byte offset of the codes in a block. */
  codesAt: number;
  /** Code of the value 0 in a block without a bias; the bias is then -scale * zero. */
  zero: number | null;
  /** Moves the codes of a block to their places in the format. */
  moveCodes: (block: Uint8Array, codes: Uint8Array) => void;
}

/** Values in a block and in a group. */
export const groupSize = 32;

const packings: Readonly<Record<string, Packing>> = {
  Q4_0: { format: "q4", blockBytes: 18, codesAt: 2, zero: 8, moveCodes: moveNibbles },
  Q4_1: { format: "q4", blockBytes: 20, codesAt: 4, zero: null, moveCodes: moveNibbles },
  Q5_0: { format: "q8", blockBytes: 22, codesAt: 2, zero: 16, moveCodes: moveFiveBits },
  Q5_1: { format: "q8", blockBytes: 24, codesAt: 4, zero: null, moveCodes: moveFiveBits },
  Q8_0: { format: "q8", blockBytes: 34, codesAt: 2, zero: 128, moveCodes: moveSignedBytes },
};

/** The packing of a GGUF type; undefined for a type whose blocks are not affine groups of 32. */
export function packingOf(typeName: string): Packing | undefined {
  return packings[typeName];
}

export interface PackedGroups {
  weight: Uint32Array<ArrayBuffer>;
  /** Per group the f16 patterns of scale (low half) and bias (high half). */
  scales: Uint32Array<ArrayBuffer>;
}

/**
 * Repacks whole blocks. Scales that are not finite, or too large for a bias, stay not finite: the
 * caller checks.
 */
export function packBlocks(packing: Packing, bytes: Uint8Array): PackedGroups {
  const { format, blockBytes, codesAt, zero, moveCodes } = packing;
  const count = bytes.length / blockBytes;
  const codeBytes = (format === "q4" ? 4 : 8) * 4;
  const codes = new Uint8Array(count * codeBytes);
  const scalesAndBiases = new Float32Array(count * 2);
  for (let index = 0; index < count; index++) {
    const at = index * blockBytes;
    const scale = halfAt(bytes, at);
    scalesAndBiases[2 * index] = scale;
    scalesAndBiases[2 * index + 1] = zero === null ? halfAt(bytes, at + 2) : -zero * scale;
    moveCodes(
      bytes.subarray(at + codesAt, at + blockBytes),
      codes.subarray(index * codeBytes, (index + 1) * codeBytes),
    );
  }
  return {
    weight: new Uint32Array(codes.buffer),
    scales: new Uint32Array(f32ToF16(scalesAndBiases).buffer),
  };
}

/** Q4: from all low nibbles before all high ones to neighbours in a byte. */
function moveNibbles(block: Uint8Array, codes: Uint8Array): void {
  for (let i = 0; i < 8; i++) {
    const even = block[2 * i] ?? 0;
    const odd = block[2 * i + 1] ?? 0;
    codes[i] = (even & 15) | ((odd & 15) << 4);
    codes[i + 8] = (even >> 4) | (odd & 0xf0);
  }
}

/** Q5: nibbles, with the fifth bit of each in the four bytes before them. */
function moveFiveBits(block: Uint8Array, codes: Uint8Array): void {
  for (let i = 0; i < groupSize; i++) {
    const nibble = ((block[4 + (i & 15)] ?? 0) >> (i < 16 ? 0 : 4)) & 15;
    codes[i] = nibble | ((((block[i >> 3] ?? 0) >> (i & 7)) & 1) << 4);
  }
}

/** Q8: from -128..127 to 0..255. */
function moveSignedBytes(block: Uint8Array, codes: Uint8Array): void {
  for (let i = 0; i < groupSize; i++) {
    codes[i] = (block[i] ?? 0) ^ 0x80;
  }
}
