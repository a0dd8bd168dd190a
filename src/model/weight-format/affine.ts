// q8 and q4: groups along a row with a scale and a bias, value = scale * code + bias.
import { bf16ToF32, f16ToF32, f32ToF16 } from "../../util/bytes.ts";
import type { EncodingError } from "./encoding-error.ts";
import type { ScaleType } from "./format.ts";

export type AffineBits = 4 | 8;

/** MLX's smallest step; it keeps the scale of a constant group from being zero. */
const smallestStep = 1e-7;
const largestF16 = 65504;

/**
 * Quantises whole groups the way MLX's `mx.quantize` does (`quantize` in
 * mlx/backend/cpu/quantized.cpp): the step spans the group's range, is stretched so that zero falls
 * on a code, and code 0 stands for the end of larger magnitude. Unlike there, scale and bias are
 * rounded to f16 first and the codes chosen for the rounded ones; the bias is taken from the
 * rounded scale, so that zero comes back as near to zero as an f16 bias can bring it.
 * @param values within the range of f16
 * @param error counts what is lost
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
 * The values of q8 and q4, product and sum rounded to f32; with scales of f16 and bf16 the product
 * (11 bits by 8) is exact. MLX's `mx.dequantize` takes the same two steps and rounds each to the
 * type of the scales.
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

/** Scale and bias of each group side by side. */
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

/** Scale and bias of each group side by side, as f16 patterns and as the numbers they stand for. */
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
    // Where no code stands for zero (a group of one sign), the end of the range is what must be
    // met.
    const bias = codeOfZero > top ? (edges[group] ?? 0) : -codeOfZero * (scales[2 * group] ?? 0);
    scaleAndBias[2 * group + 1] = Math.min(largestF16, Math.max(-largestF16, bias));
  }
  const halves = f32ToF16(scaleAndBias);
  return { scaleAndBias: f16ToF32(halves), halves };
}

/**
 * To the nearest integer, ties to even, as C's rint: adding 1.5 * 2^52 leaves a double no bits for
 * a fraction.
 */
function roundToEven(value: number): number {
  const noFraction = 1.5 * 2 ** 52;
  return value + noFraction - noFraction;
}
