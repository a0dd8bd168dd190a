// Converts a stored tensor to the bytes of a weight format, a piece at a time, and measures the
// conversion error.
import type { SourceTensor } from "../source-tensor.ts";
import { WeightEncoder, type WeightPart } from "../weight-format/encode.ts";
import { EncodingError } from "../weight-format/encoding-error.ts";
import type { WeightShape } from "../weight-format/format.ts";
import { rowPieces } from "./pieces.ts";

/** The conversion of one tensor. */
export interface TensorConversion {
  readonly shape: WeightShape;
  /** Error against the values of the file, dequantised where it packs them. */
  readonly error: EncodingError;
}

/** The conversion errors of a model. Tensors that were copied without conversion do not count. */
export class ConversionReport {
  readonly #tensors = new Map<string, TensorConversion>();

  /** By Hugging Face name. */
  get tensors(): ReadonlyMap<string, TensorConversion> {
    return this.#tensors;
  }

  /** Over all converted tensors; a tensor converted twice counts once. */
  get overall(): EncodingError {
    const overall = new EncodingError();
    for (const { error } of this.#tensors.values()) {
      overall.add(error);
    }
    return overall;
  }

  record(name: string, conversion: TensorConversion): void {
    this.#tensors.set(name, conversion);
  }
}

/**
 * The bytes of a tensor in the wanted format: copied where the file packs the same way, else
 * encoded from its values.
 * @param report receives the conversion error after the last part
 * @throws UserError for bytes that cannot be read or a value outside the range of the format; the
 * signal's AbortError
 */
export async function* convertTensor(
  tensor: SourceTensor,
  wanted: WeightShape,
  signal: AbortSignal,
  report?: ConversionReport,
): AsyncGenerator<WeightPart> {
  if (tensor.packed !== undefined && isSameShape(tensor.kept, wanted)) {
    yield* tensor.packed(signal);
    return;
  }
  const encoder = new WeightEncoder(tensor.name, wanted);
  for (const [first, end] of rowPieces(wanted.rows, wanted.cols)) {
    signal.throwIfAborted();
    yield* encoder.rows(await tensor.values(first, end, signal));
  }
  yield* encoder.finish();
  if (wanted.format !== "f32") {
    report?.record(tensor.name, { shape: wanted, error: encoder.error });
  }
}

/** "q4, groups of 64: relative error 0.074, at most 0.021 on a weight". */
export function conversionWords(
  { format, groupSize }: Pick<WeightShape, "format" | "groupSize">,
  { relative, largest }: EncodingError,
): string {
  const groups = groupSize === undefined ? "" : `, groups of ${groupSize}`;
  const digits = (value: number) => String(Number(value.toPrecision(2)));
  return `${format}${groups}: relative error ${digits(relative)}, at most ${digits(largest)} on a weight`;
}

function isSameShape(a: WeightShape, b: WeightShape): boolean {
  const layoutOf = ({ format, rows, cols, groupSize, scaleType = "f16" }: WeightShape) =>
    [format, rows, cols, groupSize, scaleType].join();
  return layoutOf(a) === layoutOf(b);
}
