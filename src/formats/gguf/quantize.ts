// Encodes rows of f32 as blocks of a GGUF tensor, bit-equal to gguf-py's `quants.quantize`.
// Source: ggml-org/llama.cpp gguf-py/gguf/quants.py, gguf 0.19.
import { invariant } from "../../util/assert.ts";
import { f32ToBf16, f32ToF16 } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { largestMagnitude } from "../../util/wasm/halves.ts";
import { tensorTypeNamed } from "./tensor-types.ts";

type Encoder = (values: Float32Array) => Uint8Array<ArrayBuffer>;

const encoders = {
  F32: (values) => new Uint8Array(values.slice().buffer),
  F16: (values) => new Uint8Array(f32ToF16(values).buffer),
  BF16: (values) => new Uint8Array(f32ToBf16(values).buffer),
  Q8_0: q8Blocks,
  Q4_0: q4Blocks,
} as const satisfies Record<string, Encoder>;

/** The types that are written. */
export type EncodableType = keyof typeof encoders;

export function typeOf(name: EncodableType): ReturnType<typeof tensorTypeNamed> {
  return tensorTypeNamed(name);
}

/** The type, or F16 where rows are no multiple of its blocks, as llama.cpp's converters do. */
export function typeForRows(wanted: EncodableType, columns: number): EncodableType {
  return columns % typeOf(wanted).blockSize === 0 ? wanted : "F16";
}

/**
 * The largest magnitude that a type can hold: of F16 a value, of blocks with an f16 scale the
 * product of scale and largest code.
 */
const largest: Readonly<Record<EncodableType, number>> = {
  F32: 3.4028234663852886e38,
  F16: 65_504,
  BF16: 3.3895313892515355e38,
  Q8_0: 65_504 * 127,
  Q4_0: 65_504 * 8,
};

/**
 * @param values whole rows
 * @param where names the tensor in errors
 * @throws UserError "wrong-dtype" for a value that is not finite or outside the type
 */
export function quantize(
  name: EncodableType,
  values: Float32Array,
  where: string,
): Uint8Array<ArrayBuffer> {
  invariant(values.length % typeOf(name).blockSize === 0, `${where}: ${values.length} values`);
  requireWithin(name, values, where);
  return encoders[name](values);
}

function requireWithin(name: EncodableType, values: Float32Array, where: string): void {
  const limit = largest[name];
  if (largestMagnitude(values) <= limit) {
    return;
  }
  const value = values.find((each) => !(Math.abs(each) <= limit)) ?? NaN;
  throw new UserError("wrong-dtype", `A value is ${value}; ${name} holds ±${limit}.`, {
    where,
    remedy: Number.isFinite(value)
      ? "Choose a wider type, such as BF16."
      : "The run diverged: train again with a lower learning rate.",
  });
}

const blockSize = 32;

/** Scale = largest magnitude / 127; codes are signed bytes, rounded half away from zero. */
function q8Blocks(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockSize;
  const scales = new Float32Array(blocks);
  const bytes = new Uint8Array(blocks * 34);
  let at = 0;
  for (let from = 0; from < values.length; from += blockSize) {
    const scale = Math.fround(Math.abs(extremeOf(values, from)) / 127);
    const inverse = inverseOf(scale);
    scales[from / blockSize] = scale;
    at += 2;
    for (let i = from; i < from + blockSize; i++) {
      const scaled = Math.fround((values[i] ?? 0) * inverse);
      bytes[at++] = scaled < 0 ? -((0.5 - scaled) | 0) : (scaled + 0.5) | 0;
    }
  }
  return withScales(bytes, scales, 34);
}

/** Scale = the value of largest magnitude / -8, so that it is code 0, which stands for -8. */
function q4Blocks(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockSize;
  const scales = new Float32Array(blocks);
  const bytes = new Uint8Array(blocks * 18);
  let at = 0;
  for (let from = 0; from < values.length; from += blockSize) {
    const scale = Math.fround(extremeOf(values, from) / -8);
    const inverse = inverseOf(scale);
    scales[from / blockSize] = scale;
    at += 2;
    for (let i = from; i < from + blockSize / 2; i++) {
      const low = q4Code(values[i] ?? 0, inverse);
      bytes[at++] = low | (q4Code(values[i + blockSize / 2] ?? 0, inverse) << 4);
    }
  }
  return withScales(bytes, scales, 18);
}

function q4Code(value: number, inverse: number): number {
  const code = Math.fround(value * inverse + 8.5) | 0;
  return code > 15 ? 15 : code;
}

/** The first value of largest magnitude in a block. */
function extremeOf(values: Float32Array, from: number): number {
  let extreme = values[from] ?? 0;
  let magnitude = Math.abs(extreme);
  for (let i = from + 1; i < from + blockSize; i++) {
    const value = values[i] ?? 0;
    if (Math.abs(value) > magnitude) {
      extreme = value;
      magnitude = Math.abs(value);
    }
  }
  return extreme;
}

/** 1 / scale in f32. Below 2^-128 it would be infinite; such a scale is 0 as f16 anyway. */
function inverseOf(scale: number): number {
  const inverse = Math.fround(1 / scale);
  return Number.isFinite(inverse) ? inverse : 0;
}

function withScales(
  bytes: Uint8Array<ArrayBuffer>,
  scales: Float32Array,
  blockBytes: number,
): Uint8Array<ArrayBuffer> {
  const halves = f32ToF16(scales);
  for (let block = 0; block < halves.length; block++) {
    const half = halves[block] ?? 0;
    bytes[block * blockBytes] = half & 0xff;
    bytes[block * blockBytes + 1] = half >> 8;
  }
  return bytes;
}
