// Converts half-precision floats, hashes and joins bytes. Bits are moved as integers, so a NaN
// keeps its payload and no value depends on an engine's rounding. Little-endian machines only, as
// all WebGPU platforms are.
import * as vectors from "./wasm/halves.ts";

/** Arrays from this length on are converted by vectors. */
const long = 0x1000;

/** Bits of the f32 of each of the 65,536 f16 patterns: 256 KiB, built on first use. */
let f16Table: Uint32Array | undefined;

/** IEEE binary16 patterns as f32, exact; one table lookup per value. */
export function f16ToF32(source: Uint16Array): Float32Array<ArrayBuffer> {
  if (source.length >= long) {
    return vectors.f16ToF32(source);
  }
  f16Table ??= Uint32Array.from({ length: 0x10000 }, (_, half) => f32BitsOfF16(half));
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = f16Table[source[i] ?? 0] ?? 0;
  }
  return new Float32Array(bits.buffer);
}

/**
 * f32 as IEEE binary16 patterns, to nearest, ties to even; values from 65,520 become infinity, NaN
 * stays NaN.
 */
export function f32ToF16(source: Float32Array): Uint16Array<ArrayBuffer> {
  if (source.length >= long) {
    return vectors.f32ToF16(source);
  }
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const target = new Uint16Array(source.length);
  for (let i = 0; i < target.length; i++) {
    target[i] = f16BitsOfF32(bits[i] ?? 0);
  }
  return target;
}

/** bfloat16 patterns as f32, exact: they are its upper half. */
export function bf16ToF32(source: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(source.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = (source[i] ?? 0) << 16;
  }
  return new Float32Array(bits.buffer);
}

/** f32 as bfloat16 patterns, to nearest, ties to even; NaN stays NaN. */
export function f32ToBf16(source: Float32Array): Uint16Array<ArrayBuffer> {
  if (source.length >= long) {
    return vectors.f32ToBf16(source);
  }
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const target = new Uint16Array(source.length);
  for (let i = 0; i < target.length; i++) {
    target[i] = bf16BitsOfF32(bits[i] ?? 0);
  }
  return target;
}

/** SHA-256 as 64 lower-case hex digits. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Two lower-case digits for each byte. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The concatenated parts, in a new array. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let end = 0;
  for (const part of parts) {
    joined.set(part, end);
    end += part.length;
  }
  return joined;
}

function f32BitsOfF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) {
    return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  }
  if (exponent !== 0) {
    return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  }
  if (fraction === 0) {
    return sign >>> 0;
  }
  // A subnormal is fraction * 2^-24: its leading one becomes the implicit one of the f32.
  const leading = 31 - Math.clz32(fraction);
  const shifted = (fraction << (23 - leading)) & 0x7fffff;
  return (sign | ((leading + 103) << 23) | shifted) >>> 0;
}

function f16BitsOfF32(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff); // NaN, as a quiet one
  }
  if (magnitude >= 0x477ff000) {
    return sign | 0x7c00; // 65,520 and more round to infinity
  }
  if (magnitude >= 0x38800000) {
    return sign | roundedShift(magnitude - 0x38000000, 13); // normal: rebias, drop 13 bits
  }
  // Below 2^-14: a count of 2^-24. Under 2^-25 (exponent 102) every value rounds to zero.
  const exponent = magnitude >> 23;
  return exponent < 102
    ? sign
    : sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

function bf16BitsOfF32(bits: number): number {
  const isNaN = (bits & 0x7fffffff) > 0x7f800000;
  return isNaN ? (bits >>> 16) | 0x40 : roundedShift(bits, 16);
}

/**
 * value / 2^shift to nearest, ties to even. A carry out of the fraction gives the next exponent.
 */
function roundedShift(value: number, shift: number): number {
  const isOdd = (value >>> shift) & 1;
  return (value + (1 << (shift - 1)) - 1 + isOdd) >>> shift;
}
