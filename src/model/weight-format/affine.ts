// q8 and q4: groups along a row with a scale and a bias, value = scale * code + bias.
import { f16ToF32, f32ToF16 } from "../../util/bytes.ts";

export type AffineBits = 4 | 8;

/** MLX's smallest step; it keeps the scale of a constant group from being zero. */
const smallestStep = 1e-7;
const largestF16 = 65504;

/**
 * Quantises whole groups the way MLX's `mx.quantize` does (`quantize` in mlx/backend/cpu/quantized.cpp): the step spans the
 * group's range, is stretched so that zero falls on a code, and code 0 stands for the end of larger magnitude. Unlike there,
 * scale and bias are rounded to f16 first and the codes chosen for the rounded ones; the bias is taken from the rounded
 * scale, so that zero comes back as near to zero as an f16 bias can bring it.
 * @param values within the range of f16
 */
export function encodeAffine(
  values: Float32Array,
  bits: AffineBits,
  groupSize: number,
): { weight: Uint32Array<ArrayBuffer>; scales: Uint32Array<ArrayBuffer> } {
  const { scaleAndBias, halves } = fitGroups(values, 2 ** bits - 1, groupSize);
  const perWord = 32 / bits;
  const top = 2 ** bits - 1;
  const weight = new Uint32Array(values.length / perWord);
  for (let word = 0; word < weight.length; word++) {
    const first = word * perWord;
    const group = Math.floor(first / groupSize);
    const scale = scaleAndBias[2 * group] ?? 0;
    const bias = scaleAndBias[2 * group + 1] ?? 0;
    let packed = 0;
    for (let i = 0; i < perWord; i++) {
      const code = roundToEven(((values[first + i] ?? 0) - bias) / scale);
      packed |= Math.min(top, Math.max(0, code)) << (i * bits);
    }
    weight[word] = packed;
  }
  return { weight, scales: new Uint32Array(halves.buffer) };
}

/** The values of {@link encodeAffine}'s output. The product is exact in f32 (11 bits by 8), so only the sum rounds. */
export function decodeAffine(
  weight: Uint32Array,
  scales: Uint32Array,
  bits: AffineBits,
  groupSize: number,
): Float32Array<ArrayBuffer> {
  const halves = new Uint16Array(scales.buffer, scales.byteOffset, scales.length * 2);
  const scaleAndBias = f16ToF32(halves);
  const perWord = 32 / bits;
  const values = new Float32Array(weight.length * perWord);
  for (let at = 0; at < values.length; at++) {
    const group = Math.floor(at / groupSize);
    const word = weight[Math.floor(at / perWord)] ?? 0;
    const code = (word >>> ((at % perWord) * bits)) & (2 ** bits - 1);
    values[at] = (scaleAndBias[2 * group] ?? 0) * code + (scaleAndBias[2 * group + 1] ?? 0);
  }
  return values;
}

/** Scale and bias of each group side by side, as f16 patterns and as the numbers they stand for. */
function fitGroups(values: Float32Array, top: number, groupSize: number) {
  const groups = values.length / groupSize;
  const scaleAndBias = new Float32Array(groups * 2);
  const edges = new Float32Array(groups);
  const codesOfZero = new Float32Array(groups);
  for (let group = 0; group < groups; group++) {
    const [low, high] = rangeOf(values, group * groupSize, groupSize);
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
    // Where no code stands for zero (a group of one sign), the end of the range is what must be met.
    const bias = codeOfZero > top ? (edges[group] ?? 0) : -codeOfZero * (scales[2 * group] ?? 0);
    scaleAndBias[2 * group + 1] = Math.min(largestF16, Math.max(-largestF16, bias));
  }
  const halves = f32ToF16(scaleAndBias);
  return { scaleAndBias: f16ToF32(halves), halves };
}

function rangeOf(values: Float32Array, first: number, count: number): [low: number, high: number] {
  let low = Infinity;
  let high = -Infinity;
  for (let at = first; at < first + count; at++) {
    const value = values[at] ?? 0;
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  return [low, high];
}

/** To the nearest integer, ties to even, as C's rint: adding 1.5 * 2^52 leaves a double no bits for a fraction. */
function roundToEven(value: number): number {
  const noFraction = 1.5 * 2 ** 52;
  return value + noFraction - noFraction;
}
