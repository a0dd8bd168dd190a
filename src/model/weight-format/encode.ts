// Encodes a matrix from f32 to its weight format, a few rows at a time, so that no second copy of
// the matrix is needed.
import { invariant } from "../../util/assert.ts";
import { f16ToF32, f32ToF16 } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { encodeAffine } from "./affine.ts";
import { EncodingError } from "./encoding-error.ts";
import { groupOf, weightBytes, type WeightBinding, type WeightShape } from "./format.ts";
import { addBlockErrors, encodeAbsmax, encodeBlocks } from "./nf4.ts";

/** Bytes for one binding of a stored weight. */
export interface WeightPart {
  binding: WeightBinding;
  offsetBytes: number;
  values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

const largestF16 = 65504;

/** Values rounded to f16 at a time, so that temporary arrays stay in the processor's cache. */
const stretch = 16_384;

/**
 * Encodes one matrix: call `rows` for its rows in order, then `finish`. All parts together fill
 * every binding.
 */
export class WeightEncoder {
  /** Error against the given values, complete after `finish`; zero for f32, which is exact. */
  readonly error = new EncodingError();
  readonly #label: string;
  readonly #shape: WeightShape;
  /** Bytes written to each binding. */
  readonly #ends = new Map<string, number>();
  /** The maxima of nf4 blocks; their offset is the mean of all, so they are encoded last. */
  readonly #absmax: Float32Array<ArrayBuffer>[] = [];
  readonly #residues: Float32Array<ArrayBuffer>[] = [];
  #nextRow = 0;

  /** @param label name of the tensor, for errors */
  constructor(label: string, shape: WeightShape) {
    const { scaleType = "f16" } = shape;
    invariant(scaleType === "f16", `${label}: scales are encoded as f16, not ${scaleType}`);
    this.#label = label;
    this.#shape = shape;
  }

  /**
   * Encodes the next whole rows.
   * @throws UserError "wrong-dtype" for a value that the format cannot hold
   */
  rows(values: Float32Array<ArrayBuffer>): WeightPart[] {
    const { format, rows, cols, groupSize } = this.#shape;
    const count = values.length / cols;
    const firstRow = this.#nextRow;
    this.#nextRow += count;
    invariant(Number.isInteger(count) && this.#nextRow <= rows, `${this.#label}: ${count} rows`);
    switch (format) {
      case "f32":
        this.#requireWithin(Number.MAX_VALUE, values, firstRow);
        return [this.#part("weight", values)];
      case "f16":
        this.#requireWithin(largestF16, values, firstRow);
        return [this.#part("weight", this.#halves(values))];
      case "q8":
      case "q4": {
        this.#requireWithin(largestF16, values, firstRow);
        const bits = format === "q8" ? 8 : 4;
        const { weight, scales } = encodeAffine(
          values,
          bits,
          groupOf(format, groupSize),
          this.error,
        );
        return [this.#part("weight", weight), this.#part("scales", scales)];
      }
      case "nf4": {
        this.#requireWithin(Number.MAX_VALUE, values, firstRow);
        const { weight, absmax, residues } = encodeBlocks(values, this.error);
        this.#absmax.push(absmax);
        this.#residues.push(residues);
        return [this.#part("weight", weight)];
      }
    }
  }

  /** Encodes the parts that depend on all rows. */
  finish(): WeightPart[] {
    const { format, rows } = this.#shape;
    invariant(this.#nextRow === rows, `${this.#label}: ${this.#nextRow} of ${rows} rows`);
    const parts: WeightPart[] = [];
    if (format === "nf4") {
      const absmax = joined(this.#absmax);
      const { scales, tables } = encodeAbsmax(absmax);
      addBlockErrors(this.error, { absmax, residues: joined(this.#residues) }, { scales, tables });
      parts.push(this.#part("scales", scales), this.#part("tables", tables));
    }
    for (const [binding, bytes] of Object.entries(weightBytes(this.#shape))) {
      invariant(this.#ends.get(binding) === bytes, `${this.#label}: ${binding} is not full`);
    }
    return parts;
  }

  #part(binding: WeightBinding, values: WeightPart["values"]): WeightPart {
    const offsetBytes = this.#ends.get(binding) ?? 0;
    this.#ends.set(binding, offsetBytes + values.byteLength);
    return { binding, offsetBytes, values };
  }

  #halves(values: Float32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    const halves = new Uint16Array(values.length);
    for (let first = 0; first < values.length; first += stretch) {
      const some = f32ToF16(values.subarray(first, first + stretch));
      halves.set(some, first);
      this.error.compare(values, first, f16ToF32(some));
    }
    return new Uint32Array(halves.buffer);
  }

  #requireWithin(largest: number, values: Float32Array, firstRow: number): void {
    let at = 0;
    while (at < values.length && Math.abs(values[at] ?? NaN) <= largest) {
      at++;
    }
    if (at === values.length) {
      return;
    }
    const { cols, format } = this.#shape;
    const row = firstRow + Math.floor(at / cols);
    const limit = largest === largestF16 ? ` numbers within ±${largestF16}` : " finite numbers";
    throw new UserError(
      "wrong-dtype",
      `Row ${row}, column ${at % cols} is ${values[at] ?? 0}; ${format} holds${limit}.`,
      { where: this.#label, remedy: "Keep the weights as f32, or use another model." },
    );
  }
}

function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const whole = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
