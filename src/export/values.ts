// The number formats of an exported adapter: their sizes, and f32 values converted to them.
import type { AdapterTensor } from "../adapter/state.ts";
import type { TensorData } from "../formats/safetensors-write.ts";
import { invariant } from "../util/assert.ts";
import { f32ToBf16, f32ToF16 } from "../util/bytes.ts";
import { UserError } from "../util/errors.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";

/** Bytes of a value; Q8_0 has 34 bytes for 32 values (ggml's block). */
const bytesPerValue = { F32: 4, F16: 2, BF16: 2, Q8_0: 34 / 32 } as const;

export type ValueType = keyof typeof bytesPerValue;

/** How the page follows a conversion. */
export interface Watch {
  signal: AbortSignal;
  /** Bytes of values written so far, of all. */
  progress: (doneBytes: number, totalBytes: number) => void;
}

/** A tensor of an export before its conversion. */
export type ExportTensor = Pick<AdapterTensor, "name" | "shape" | "values">;

/** The types that safetensors has. */
export type FloatType = Exclude<ValueType, "Q8_0">;

export const floatTypes: readonly FloatType[] = ["F32", "F16", "BF16"];

/** @throws Error for a type that safetensors lacks, which no format of safetensors offers */
export function floatTypeOf(type: string): FloatType {
  const found = floatTypes.find((each) => each === type);
  invariant(found !== undefined, `safetensors has no ${type}`);
  return found;
}

/** After so many bytes a cancellation is looked for. */
const bytesAtOnce = 8e6;

/** Bytes of an adapter's values in this type, without names. */
export function bytesOfValues(tensors: readonly ExportTensor[], type: ValueType): number {
  const values = tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  return Math.round(values * bytesPerValue[type]);
}

/**
 * Converts tensor by tensor, to nearest, ties to even.
 * @param tensors taken one by one, so that an iterable may compute them
 * @param totalBytes of all of them in this type, for the progress
 * @throws UserError "bad-adapter" for a value that the type cannot hold; the signal's AbortError
 */
export async function convertTensors(
  tensors: Iterable<ExportTensor>,
  totalBytes: number,
  type: FloatType,
  { signal, progress }: Watch,
): Promise<TensorData[]> {
  const converted: TensorData[] = [];
  let doneBytes = 0;
  let seenBytes = 0;
  for (const tensor of tensors) {
    const { name, shape } = tensor;
    const data = convert(tensor, type);
    converted.push({ name, dtype: type, shape, data });
    doneBytes += data.byteLength;
    if (doneBytes - seenBytes >= bytesAtOnce) {
      seenBytes = doneBytes;
      progress(doneBytes, totalBytes);
      await yieldToEvents();
    }
    signal.throwIfAborted();
  }
  return converted;
}

function convert({ name, values }: ExportTensor, type: FloatType): ArrayBufferView {
  switch (type) {
    case "F32":
      return values;
    case "F16":
      refuseOverflow(name, values);
      return f32ToF16(values);
    case "BF16":
      return f32ToBf16(values);
    default:
      return type satisfies never;
  }
}

/** From here on F16 rounds to infinity. */
const f16Overflow = 65_520;

function refuseOverflow(name: string, values: Float32Array): void {
  const large = values.find((value) => Math.abs(value) >= f16Overflow);
  if (large !== undefined) {
    throw new UserError("bad-adapter", `F16 cannot hold the value ${large}.`, {
      where: name,
      remedy: "Choose F32 or BF16 values.",
    });
  }
}
