// nf4 with double quantisation, the scheme of bitsandbytes (QLoRA, Dettmers et al. 2023): 4-bit codes into a table made for
// normally distributed weights, scaled by each block's absolute maximum, which is itself an 8-bit code.
//
// tables: the 16 values of a nibble, the 256 of an absmax byte (`map`), the offset, then one nested maximum for 256 blocks.
// absmax of a block = map[its byte] * nested maximum + offset
import { nf4NestedBlock, nf4Tables } from "./format.ts";

const block = 64;

/** The 16 values of a nibble, as bitsandbytes has them. */
export const nf4Values = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

/**
 * The 256 values of an absmax byte, ascending: bitsandbytes' signed dynamic map. Seven decades below 1; each has twice as
 * many values as the one under it, the middles of equal parts of [0.1, 1].
 */
export function dynamicMap(): Float32Array<ArrayBuffer> {
  const positive = Array.from({ length: 7 }, (_, decade) => {
    const parts = 2 ** decade;
    const scale = Math.fround(10 ** (decade - 6));
    const bounds = linspace(0.1, 1, parts);
    return Array.from({ length: parts }, (_, part) => {
      const middle = Math.fround((bounds[part] ?? 0) + (bounds[part + 1] ?? 0)) / 2;
      return Math.fround(scale * middle);
    });
  }).flat();
  return Float32Array.from([...positive, ...positive.map((value) => -value), 0, 1]).sort();
}

/** 4-bit codes of whole blocks, 8 to a word, and the absolute maximum of each block. */
export function encodeBlocks(values: Float32Array): {
  weight: Uint32Array<ArrayBuffer>;
  absmax: Float32Array<ArrayBuffer>;
} {
  const bounds = middles(nf4Values);
  const weight = new Uint32Array(values.length / 8);
  const absmax = new Float32Array(values.length / block);
  for (let at = 0; at < values.length; at += block) {
    const largest = largestMagnitude(values, at, block);
    const inverse = inverseOf(largest);
    absmax[at / block] = largest;
    for (let i = at; i < at + block; i++) {
      const code = countBelow(bounds, Math.fround((values[i] ?? 0) * inverse));
      weight[i >>> 3] = (weight[i >>> 3] ?? 0) | (code << ((i & 7) * 4));
    }
  }
  return { weight, absmax };
}

/** Absolute maxima as bytes, 4 to a word, and the tables that undo it. */
export function encodeAbsmax(absmax: Float32Array): {
  scales: Uint32Array<ArrayBuffer>;
  tables: Float32Array<ArrayBuffer>;
} {
  const map = dynamicMap();
  const bounds = middles(map);
  const offset = Math.fround(absmax.reduce((sum, value) => sum + value, 0) / absmax.length);
  const centred = absmax.map((value) => value - offset);
  const bytes = new Uint8Array(Math.ceil(absmax.length / 4) * 4);
  const tables = new Float32Array(nf4Tables.nested + Math.ceil(absmax.length / nf4NestedBlock));
  tables.set(nf4Values, nf4Tables.values);
  tables.set(map, nf4Tables.map);
  tables[nf4Tables.offset] = offset;
  for (let at = 0; at < centred.length; at += nf4NestedBlock) {
    const end = Math.min(at + nf4NestedBlock, centred.length);
    const largest = largestMagnitude(centred, at, end - at);
    const inverse = inverseOf(largest);
    tables[nf4Tables.nested + at / nf4NestedBlock] = largest;
    for (let i = at; i < end; i++) {
      bytes[i] = countBelow(bounds, Math.fround((centred[i] ?? 0) * inverse));
    }
  }
  return { scales: new Uint32Array(bytes.buffer), tables };
}

/** The values of {@link encodeBlocks} and {@link encodeAbsmax}, with every operation rounded to f32. */
export function decodeNf4(
  weight: Uint32Array,
  scales: Uint32Array,
  tables: Float32Array,
): Float32Array<ArrayBuffer> {
  const bytes = new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength);
  const offset = tables[nf4Tables.offset] ?? 0;
  const values = new Float32Array(weight.length * 8);
  for (let at = 0; at < values.length; at++) {
    const index = Math.floor(at / block);
    const nested = tables[nf4Tables.nested + Math.floor(index / nf4NestedBlock)] ?? 0;
    const absmax = Math.fround(
      Math.fround((tables[nf4Tables.map + (bytes[index] ?? 0)] ?? 0) * nested) + offset,
    );
    const code = ((weight[at >>> 3] ?? 0) >>> ((at & 7) * 4)) & 15;
    values[at] = (tables[nf4Tables.values + code] ?? 0) * absmax;
  }
  return values;
}

function middles(ascending: Float32Array): Float32Array {
  const count = ascending.length - 1;
  return Float32Array.from(
    { length: count },
    (_, i) => Math.fround((ascending[i] ?? 0) + (ascending[i + 1] ?? 0)) / 2,
  );
}

/** How many of the bounds lie below: the code whose value is nearest. @param bounds 2^n - 1 of them, ascending */
function countBelow(bounds: Float32Array, value: number): number {
  let count = 0;
  for (let half = (bounds.length + 1) / 2; half >= 1; half /= 2) {
    count += value > (bounds[count + half - 1] ?? 0) ? half : 0;
  }
  return count;
}

function largestMagnitude(values: Float32Array, first: number, count: number): number {
  let largest = 0;
  for (let at = first; at < first + count; at++) {
    largest = Math.max(largest, Math.abs(values[at] ?? 0));
  }
  return largest;
}

/** Finite for a block of zeros too. */
function inverseOf(largest: number): number {
  return Math.fround(1 / Math.max(largest, 1e-38));
}

/** As PyTorch spaces f32: up from the start in the first half, down from the end in the second. */
function linspace(from: number, to: number, parts: number): number[] {
  const start = Math.fround(from);
  const step = Math.fround(Math.fround(to - start) / parts);
  return Array.from({ length: parts + 1 }, (_, i) =>
    Math.fround(i < (parts + 1) / 2 ? start + step * i : to - step * (parts - i)),
  );
}
