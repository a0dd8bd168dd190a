// nf4 with double quantisation, the scheme of QLoRA (Dettmers et al. 2023, arXiv:2305.14314) and
// bitsandbytes.
//
// A block of 64 weights is divided by its absolute maximum (absmax). Trained weights are close to
// normally distributed, so the 16 codes stand for quantiles of a normal distribution scaled to
// [-1, 1]: each code is used about equally often. One code is exactly 0. An f32 absmax per block
// would cost 0.5 bits per weight, so it is quantised as well: the mean of all (`offset`) is
// subtracted, blocks of 256 maxima are divided by their largest magnitude (`nested`), and the rest
// is a byte into a table of 256 values (`map`). Total: 4.127 bits per weight.
//
// tables: 16 values of a nibble, 256 of an absmax byte, the offset, one nested maximum per 256
// blocks. absmax of a block = map[byte] * nested maximum + offset.
// Source: bitsandbytes 0.50.2, functional.py (quantize_4bit, create_dynamic_map).
import type { EncodingError } from "./encoding-error.ts";
import { nf4NestedBlock, nf4Tables } from "./format.ts";

const block = 64;

/** Steps per unit. Bounds between codes are at least 0.08 apart, so a step has one at most. */
const stepsOfOne = 32;

/** The 16 values of a nibble, from bitsandbytes. */
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
 * The 256 values of an absmax byte, ascending: bitsandbytes' signed dynamic map. It covers seven
 * decades below 1. Each decade has twice as many values as the one below it: the midpoints of equal
 * parts of [0.1, 1], scaled.
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

/** Whole blocks as codes; the maxima are encoded when those of the whole matrix are known. */
export interface EncodedBlocks {
  /** 8 codes per word. */
  weight: Uint32Array<ArrayBuffer>;
  /** Absolute maximum of each block. */
  absmax: Float32Array<ArrayBuffer>;
  /** Four numbers per block; see {@link addBlockErrors}. */
  residues: Float32Array<ArrayBuffer>;
}

/**
 * Encodes whole blocks as 4-bit codes.
 * @param error receives the norm of the values; the error itself depends on the stored maxima
 */
export function encodeBlocks(values: Float32Array, error: EncodingError): EncodedBlocks {
  const bounds = middles(nf4Values);
  const firstCodes = firstCodeOfSteps(bounds);
  const blocks = values.length / block;
  const weight = new Uint32Array(values.length / 8);
  const absmax = new Float32Array(blocks);
  const residues = new Float32Array(blocks * 4);
  for (let index = 0; index < blocks; index++) {
    const first = index * block;
    const largest = largestMagnitude(values, first, block);
    const inverse = inverseOf(largest);
    let [norm, squares, cross, unitSquares, farthest] = [0, 0, 0, 0, 0];
    for (let word = first; word < first + block; word += 8) {
      let packed = 0;
      for (let place = 0; place < 8; place++) {
        const value = values[word + place] ?? 0;
        const scaled = Math.fround(value * inverse);
        const low = firstCodes[Math.trunc((scaled + 1) * stepsOfOne)] ?? bounds.length - 1;
        const code = low + (scaled > (bounds[low] ?? 1) ? 1 : 0);
        packed |= code << (place * 4);
        const unit = nf4Values[code] ?? 0;
        const residue = value - unit * largest;
        norm += value * value;
        squares += residue * residue;
        cross += residue * unit;
        unitSquares += unit * unit;
        const distance = Math.abs(residue);
        farthest = distance > farthest ? distance : farthest;
      }
      weight[word / 8] = packed;
    }
    absmax[index] = largest;
    residues[4 * index] = squares;
    residues[4 * index + 1] = cross;
    residues[4 * index + 2] = unitSquares;
    residues[4 * index + 3] = farthest;
    error.squaredNorm += norm;
  }
  return { weight, absmax, residues };
}

/** Encodes absolute maxima as bytes, 4 per word, with the tables that decode them. */
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

/** Decodes {@link encodeBlocks} and {@link encodeAbsmax}, every operation rounded to f32. */
export function decodeNf4(
  weight: Uint32Array,
  scales: Uint32Array,
  tables: Float32Array,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(weight.length * 8);
  for (let first = 0; first < values.length; first += block) {
    const absmax = storedAbsmax(scales, tables, first / block);
    for (let at = first; at < first + block; at++) {
      const code = ((weight[at >>> 3] ?? 0) >>> ((at & 7) * 4)) & 15;
      values[at] = (tables[nf4Tables.values + code] ?? 0) * absmax;
    }
  }
  return values;
}

/** The decoded absolute maximum of a block. */
export function storedAbsmax(scales: Uint32Array, tables: Float32Array, index: number): number {
  const byte = ((scales[index >>> 2] ?? 0) >>> ((index & 3) * 8)) & 255;
  const nested = tables[nf4Tables.nested + Math.floor(index / nf4NestedBlock)] ?? 0;
  const centred = Math.fround((tables[nf4Tables.map + byte] ?? 0) * nested);
  return Math.fround(centred + (tables[nf4Tables.offset] ?? 0));
}

/**
 * Adds the conversion error of blocks in order. A value v with u = nf4[code] in a block with
 * maximum a is stored as u a', so v - u a' = (v - u a) + u (a - a'). `residues` has per block the
 * sums of (v - u a)^2, of (v - u a) u and of u^2, and the largest |v - u a|. The largest error is
 * an upper bound, exact to within |a - a'|.
 */
export function addBlockErrors(
  error: EncodingError,
  { absmax, residues }: Pick<EncodedBlocks, "absmax" | "residues">,
  { scales, tables }: { scales: Uint32Array; tables: Float32Array },
): void {
  for (let index = 0; index < absmax.length; index++) {
    const [squares = 0, cross = 0, unitSquares = 0, farthest = 0] = residues.subarray(index * 4);
    const shift = (absmax[index] ?? 0) - storedAbsmax(scales, tables, index);
    error.squaredError += squares + shift * (2 * cross + shift * unitSquares);
    error.largest = Math.max(error.largest, farthest + Math.abs(shift));
  }
}

function middles(ascending: Float32Array): Float32Array {
  const count = ascending.length - 1;
  return Float32Array.from(
    { length: count },
    (_, i) => Math.fround((ascending[i] ?? 0) + (ascending[i + 1] ?? 0)) / 2,
  );
}

/**
 * The number of bounds below a value, which is the code with the nearest value.
 * @param bounds 2^n - 1 midpoints between codes, ascending
 */
function countBelow(bounds: Float32Array, value: number): number {
  let count = 0;
  for (let half = (bounds.length + 1) / 2; half >= 1; half /= 2) {
    count += value > (bounds[count + half - 1] ?? 0) ? half : 0;
  }
  return count;
}

/**
 * The lowest code in each step from -1 to 1. A step is narrower than the distance of two bounds, so
 * one comparison with the bound above the lowest code finds the code of a value.
 */
function firstCodeOfSteps(bounds: Float32Array): Uint8Array {
  return Uint8Array.from({ length: 2 * stepsOfOne }, (_, step) =>
    countBelow(bounds, step / stepsOfOne - 1),
  );
}

function largestMagnitude(values: Float32Array, first: number, count: number): number {
  let largest = 0;
  for (let at = first; at < first + count; at++) {
    const magnitude = Math.abs(values[at] ?? 0);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

/** 1 / largest; finite for a block of zeros too. */
function inverseOf(largest: number): number {
  return Math.fround(1 / Math.max(largest, 1e-38));
}

/** torch.linspace in f32: up from the start in the first half, down from the end in the second. */
function linspace(from: number, to: number, parts: number): number[] {
  const start = Math.fround(from);
  const step = Math.fround(Math.fround(to - start) / parts);
  return Array.from({ length: parts + 1 }, (_, i) =>
    Math.fround(i < (parts + 1) / 2 ? start + step * i : to - step * (parts - i)),
  );
}
