// Brings a matrix from f32 into its format, a few rows at a time, so that no second copy of the whole is ever needed.
import { invariant } from "../../util/assert.ts";
import { f32ToF16 } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { encodeAffine } from "./affine.ts";
import { groupOf, weightBytes, type WeightBinding, type WeightShape } from "./format.ts";
import { encodeAbsmax, encodeBlocks } from "./nf4.ts";

/** What goes into a binding of the stored weight. */
export interface WeightPart {
  binding: WeightBinding;
  offsetBytes: number;
  values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

const largestF16 = 65504;

/** Encodes one matrix: `rows` for its rows in order, then `finish`. All parts together fill every binding. */
export class WeightEncoder {
  readonly #label: string;
  readonly #shape: WeightShape;
  /** Bytes of each binding that are written. */
  readonly #ends = new Map<string, number>();
  /** nf4's maxima wait for the mean of all. */
  readonly #absmax: Float32Array[] = [];
  #nextRow = 0;

  /** @param label of the tensor, for errors */
  constructor(label: string, shape: WeightShape) {
    this.#label = label;
    this.#shape = shape;
  }

  /**
   * The next whole rows.
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
        return [this.#part("weight", values)];
      case "f16":
        this.#requireWithin(largestF16, values, firstRow);
        return [this.#part("weight", new Uint32Array(f32ToF16(values).buffer))];
      case "q8":
      case "q4": {
        this.#requireWithin(largestF16, values, firstRow);
        const bits = format === "q8" ? 8 : 4;
        const { weight, scales } = encodeAffine(values, bits, groupOf(format, groupSize));
        return [this.#part("weight", weight), this.#part("scales", scales)];
      }
      case "nf4": {
        this.#requireWithin(Number.MAX_VALUE, values, firstRow);
        const { weight, absmax } = encodeBlocks(values);
        this.#absmax.push(absmax);
        return [this.#part("weight", weight)];
      }
    }
  }

  /** What could only be known after the last row. */
  finish(): WeightPart[] {
    const { format, rows, cols, groupSize } = this.#shape;
    invariant(this.#nextRow === rows, `${this.#label}: ${this.#nextRow} of ${rows} rows`);
    const parts: WeightPart[] = [];
    if (format === "nf4") {
      const { scales, tables } = encodeAbsmax(joined(this.#absmax));
      parts.push(this.#part("scales", scales), this.#part("tables", tables));
    }
    for (const [binding, bytes] of Object.entries(weightBytes(format, rows, cols, groupSize))) {
      invariant(this.#ends.get(binding) === bytes, `${this.#label}: ${binding} is not full`);
    }
    return parts;
  }

  #part(binding: WeightBinding, values: WeightPart["values"]): WeightPart {
    const offsetBytes = this.#ends.get(binding) ?? 0;
    this.#ends.set(binding, offsetBytes + values.byteLength);
    return { binding, offsetBytes, values };
  }

  #requireWithin(largest: number, values: Float32Array, firstRow: number): void {
    const at = values.findIndex((value) => !(Math.abs(value) <= largest));
    if (at < 0) {
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

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
