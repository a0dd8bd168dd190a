// A frozen tensor as some file keeps it, under its Hugging Face name: what every model format is
// read into.
import type { WeightPart } from "./weight-format/encode.ts";
import type { WeightShape } from "./weight-format/format.ts";

export interface SourceTensor {
  /** Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Row-major; a vector is one row. */
  readonly shape: readonly number[];
  /**
   * How the file keeps it, for people and for the model's identity: `BF16`, `Q4_0`, `affine 4-bit /
   * 64`, `nf4`.
   */
  readonly dtype: string;
  /** Bytes as stored, scales and the like included. */
  readonly sizeBytes: number;
  /** The device format it is kept in unless another is chosen. */
  readonly kept: WeightShape;
  /** Whether `kept` holds every value as the file has it. */
  readonly isExact: boolean;
  /**
   * Rows `first` to `end` (exclusive) as f32, dequantised where they are packed.
   * @throws UserError "unreadable-file" and the like; the signal's AbortError
   */
  values(first: number, end: number, signal: AbortSignal): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The parts in the `kept` format, for a file that packs as we do: no value is computed on the
   * way.
   */
  packed?(signal: AbortSignal): AsyncIterable<WeightPart>;
}
