// A matrix in a weight format, as the bytes of each binding, joined as the loader joins them.
import { expect } from "vitest";
import { WeightEncoder } from "../../src/model/weight-format/encode.ts";
import {
  weightBytes,
  type WeightBinding,
  type WeightShape,
} from "../../src/model/weight-format/format.ts";

/** Encodes some rows at a time and joins the parts. @param label name of the tensor in errors */
export function encodeWeight(
  shape: WeightShape,
  values: Float32Array<ArrayBuffer>,
  rowsAtOnce = 3,
  label = "weight",
): Partial<Record<WeightBinding, ArrayBuffer>> {
  const { rows, cols } = shape;
  const sizes = Object.entries(weightBytes(shape));
  const stored: Partial<Record<WeightBinding, ArrayBuffer>> = Object.fromEntries(
    sizes.map(([name, bytes]) => [name, new ArrayBuffer(bytes)]),
  );
  const encoder = new WeightEncoder(label, shape);
  const put = (parts: ReturnType<WeightEncoder["rows"]>) => {
    for (const { binding, offsetBytes, values: words } of parts) {
      expect(offsetBytes % 4).toBe(0);
      const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      new Uint8Array(stored[binding]!).set(bytes, offsetBytes);
    }
  };
  for (let row = 0; row < rows; row += rowsAtOnce) {
    put(encoder.rows(values.subarray(row * cols, Math.min(row + rowsAtOnce, rows) * cols)));
  }
  put(encoder.finish());
  return stored;
}
