// A frozen tensor as a file stores it, under its Hugging Face name: the common form of all model
// file formats.
import type { WeightPart } from "./weight-format/encode.ts";
import type { WeightShape } from "./weight-format/format.ts";

export interface SourceTensor {
  /** Hugging Face name, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Row-major; a vector is one row. */
  readonly shape: readonly number[];
  /**
   * The type in the file, for display and for the model's identity: `BF16`, `Q4_0`,
   * `affine 4-bit / 64`, `nf4`.
   */
  readonly dtype: string;
  /** Bytes as stored, scales and tables included. */
  readonly sizeBytes: number;
  /** The weight format on the device unless another is chosen. */
  readonly kept: WeightShape;
  /** Whether `kept` represents every value of the file exactly. */
  readonly isExact: boolean;
  /**
   * Rows `first` to `end` (exclusive) as f32, dequantised where they are packed.
   * @throws UserError "unreadable-file", "wrong-dtype"; the signal's AbortError
   */
  values(first: number, end: number, signal: AbortSignal): Promise<Float32Array<ArrayBuffer>>;
  /**
   * The parts in the `kept` format, where the file packs values the same way: bits are moved, no
   * value is computed.
   */
  packed?(signal: AbortSignal): AsyncIterable<WeightPart>;
}
