// Encodes rows of f32 as blocks of a GGUF tensor, bit-equal to gguf-py's `quants.quantize`.
// Source: ggml-org/llama.cpp gguf-py/gguf/quants.py, gguf 0.19.
import { invariant } from "../../util/assert.ts";
import { f32ToBf16, f32ToF16 } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
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
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    if (!(Math.abs(value) <= limit)) {
      throw new UserError("wrong-dtype", `A value is ${value}; ${name} holds ±${limit}.`, {
        where,
        remedy: Number.isFinite(value)
          ? "Choose a wider type, such as BF16."
          : "The run diverged: train again with a lower learning rate.",
      });
    }
  }
}

const blockSize = 32;

/** Scale = largest magnitude / 127; codes are signed bytes, rounded half away from zero. */
function q8Blocks(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockSize;
  const scales = new Float32Array(blocks);
  const bytes = new Uint8Array(blocks * 34);
  for (let block = 0; block < blocks; block++) {
    const from = block * blockSize;
    const scale = Math.fround(Math.abs(extremeOf(values, from)) / 127);
    const inverse = inverseOf(scale);
    scales[block] = scale;
    for (let i = 0; i < blockSize; i++) {
      const scaled = Math.fround((values[from + i] ?? 0) * inverse);
      const size = Math.floor(Math.abs(scaled) + 0.5);
      bytes[block * 34 + 2 + i] = scaled < 0 ? -size : size;
    }
  }
  return withScales(bytes, scales, 34);
}

/** Scale = the value of largest magnitude / -8, so that it is code 0, which stands for -8. */
function q4Blocks(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockSize;
  const scales = new Float32Array(blocks);
  const bytes = new Uint8Array(blocks * 18);
  for (let block = 0; block < blocks; block++) {
    const from = block * blockSize;
    const scale = Math.fround(extremeOf(values, from) / -8);
    const inverse = inverseOf(scale);
    scales[block] = scale;
    const codeAt = (i: number) =>
      Math.min(15, Math.trunc(Math.fround((values[from + i] ?? 0) * inverse + 8.5)));
    for (let i = 0; i < blockSize / 2; i++) {
      bytes[block * 18 + 2 + i] = codeAt(i) | (codeAt(i + blockSize / 2) << 4);
    }
  }
  return withScales(bytes, scales, 18);
}

/** The first value of largest magnitude in a block. */
function extremeOf(values: Float32Array, from: number): number {
  let extreme = values[from] ?? 0;
  for (let i = from + 1; i < from + blockSize; i++) {
    const value = values[i] ?? 0;
    if (Math.abs(value) > Math.abs(extreme)) {
      extreme = value;
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
