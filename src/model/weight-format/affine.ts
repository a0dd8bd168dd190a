// Affine quantisation (q8, q4): groups along a row with a scale and a bias,
// value = scale * code + bias.
import { bf16ToF32, f16ToF32, f32ToF16 } from "../../util/bytes.ts";
import type { EncodingError } from "./encoding-error.ts";
import type { ScaleType } from "./format.ts";

export type AffineBits = 4 | 8;

/** MLX's smallest scale; it prevents a zero scale for a constant group. */
const smallestStep = 1e-7;
const largestF16 = 65504;

/**
 * Quantises whole groups as MLX's `mx.quantize` does (`quantize` in mlx/backend/cpu/quantized.cpp).
 *
 * For a group with minimum a, maximum b and n = 2^bits - 1 steps:
 * 1. `edge` is a or b, whichever has the larger magnitude; it gets code 0. The scale is
 *    (b - a) / n, negative where the edge is b.
 * 2. q0 = round(edge / scale). If q0 is not 0, scale = edge / q0 and bias = edge, so that zero is
 *    exactly code -q0: many weights are near zero, and their errors must not be biased.
 * 3. code = clamp(round((value - bias) / scale), 0, n).
 *
 * The difference to MLX: scale and bias are rounded to f16 before the codes are chosen, and the
 * bias is derived from the rounded scale, so that the codes fit the numbers that are stored.
 * @param values whole groups, within the range of f16
 * @param error receives the error of each value
 */
export function encodeAffine(
  values: Float32Array<ArrayBuffer>,
  bits: AffineBits,
  groupSize: number,
  error: EncodingError,
): { weight: Uint32Array<ArrayBuffer>; scales: Uint32Array<ArrayBuffer> } {
  const top = 2 ** bits - 1;
  const { scaleAndBias, halves } = fitGroups(values, top, groupSize);
  const perWord = 32 / bits;
  const weight = new Uint32Array(values.length / perWord);
  const stored = new Float32Array(groupSize);
  for (let first = 0; first < values.length; first += groupSize) {
    const group = first / groupSize;
    const scale = scaleAndBias[2 * group] ?? 0;
    const bias = scaleAndBias[2 * group + 1] ?? 0;
    for (let i = 0; i < groupSize; i += perWord) {
      let packed = 0;
      for (let place = 0; place < perWord; place++) {
        const near = roundToEven(((values[first + i + place] ?? 0) - bias) / scale);
        const code = near < 0 ? 0 : near > top ? top : near;
        packed |= code << (place * bits);
        stored[i + place] = scale * code + bias;
      }
      weight[(first + i) / perWord] = packed;
    }
    error.compare(values, first, stored);
  }
  return { weight, scales: new Uint32Array(halves.buffer) };
}

/**
 * The values of q8 and q4, with product and sum rounded to f32. For f16 and bf16 scales the product
 * (11 bits by 8) is exact. MLX's `mx.dequantize` computes the same product and sum, each rounded to
 * the type of the scales.
 */
export function decodeAffine(
  weight: Uint32Array<ArrayBuffer>,
  scales: Uint32Array<ArrayBuffer>,
  bits: AffineBits,
  groupSize: number,
  scaleType: ScaleType,
): Float32Array<ArrayBuffer> {
  const scaleAndBias = scalesAsF32(scales, scaleType);
  const perWord = 32 / bits;
  const mask = 2 ** bits - 1;
  const values = new Float32Array(weight.length * perWord);
  for (let first = 0; first < values.length; first += groupSize) {
    const group = first / groupSize;
    const scale = scaleAndBias[2 * group] ?? 0;
    const bias = scaleAndBias[2 * group + 1] ?? 0;
    for (let at = first; at < first + groupSize; at += perWord) {
      const word = weight[at / perWord] ?? 0;
      for (let place = 0; place < perWord; place++) {
        const code = (word >>> (place * bits)) & mask;
        values[at + place] = Math.fround(scale * code) + bias;
      }
    }
  }
  return values;
}

/** Scale and bias of each group, interleaved. */
export function scalesAsF32(
  scales: Uint32Array<ArrayBuffer>,
  scaleType: ScaleType,
): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = scales;
  switch (scaleType) {
    case "f16":
      return f16ToF32(new Uint16Array(buffer, byteOffset, length * 2));
    case "bf16":
      return bf16ToF32(new Uint16Array(buffer, byteOffset, length * 2));
    case "f32":
      return new Float32Array(buffer, byteOffset, length);
  }
}

/** Scale and bias of each group, interleaved, as f16 patterns and as numbers. */
function fitGroups(values: Float32Array, top: number, groupSize: number) {
  const groups = values.length / groupSize;
  const scaleAndBias = new Float32Array(groups * 2);
  const edges = new Float32Array(groups);
  const codesOfZero = new Float32Array(groups);
  for (let group = 0; group < groups; group++) {
    const first = group * groupSize;
    let low = Infinity;
    let high = -Infinity;
    for (let at = first; at < first + groupSize; at++) {
      const value = values[at] ?? 0;
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    const isLowLarger = Math.abs(low) > Math.abs(high);
    const edge = isLowLarger ? low : high;
    const step = Math.max((high - low) / top, smallestStep) * (isLowLarger ? 1 : -1);
    const codeOfZero = -roundToEven(edge / step);
    edges[group] = edge;
    codesOfZero[group] = codeOfZero;
    scaleAndBias[2 * group] = codeOfZero === 0 ? step : -edge / codeOfZero;
  }
  const scales = f16ToF32(f32ToF16(scaleAndBias));
  for (let group = 0; group < groups; group++) {
    const codeOfZero = codesOfZero[group] ?? 0;
    // In a group of one sign no code is zero, so the bias is the edge of the range.
    const bias = codeOfZero > top ? (edges[group] ?? 0) : -codeOfZero * (scales[2 * group] ?? 0);
    scaleAndBias[2 * group + 1] = Math.min(largestF16, Math.max(-largestF16, bias));
  }
  const halves = f32ToF16(scaleAndBias);
  return { scaleAndBias: f16ToF32(halves), halves };
}

/**
 * Rounds to the nearest integer, ties to even, as C's rint: after adding 1.5 * 2^52 a double has no
 * bits for a fraction.
 */
function roundToEven(value: number): number {
  const noFraction = 1.5 * 2 ** 52;
  return value + noFraction - noFraction;
}
