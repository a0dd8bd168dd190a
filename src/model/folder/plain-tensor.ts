// A plain tensor of a safetensors file: F32, F16 or BF16.
import { bf16ToF32, f16ToF32 } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import type { StoredTensor } from "./shards.ts";
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightPart } from "../weight-format/encode.ts";
import { requireFinite } from "../weight-format/finite.ts";
import { formatFor } from "../weight-format/format.ts";
import { rowPieces } from "../weights/pieces.ts";
import { matrixOf } from "../weights/store.ts";

const readers = {
  F32: { bytes: 4, toFloat32: (data: ArrayBuffer) => new Float32Array(data) },
  F16: { bytes: 2, toFloat32: (data: ArrayBuffer) => f16ToF32(new Uint16Array(data)) },
  BF16: { bytes: 2, toFloat32: (data: ArrayBuffer) => bf16ToF32(new Uint16Array(data)) },
};

/**
 * F16 and BF16 matrices are kept as f16, F32 matrices and all vectors as f32. F16 is exact in f16.
 * BF16 values above 65504 do not fit and are refused when they are read; magnitudes below 2^-17 are
 * rounded.
 * @throws UserError "wrong-dtype" for any other dtype
 */
export function plainTensor(stored: StoredTensor): SourceTensor {
  const { name, shape, dtype, sizeBytes } = stored;
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
    throw new UserError("wrong-dtype", `It is ${dtype}, where F32, F16 or BF16 is needed.`, {
      where: stored.where,
      remedy: "Choose a copy of the model in F32, F16 or BF16.",
    });
  }
  const { rows, cols } = matrixOf(shape);
  const format = formatFor(dtype === "F32" ? "f32" : "f16", rows, cols);
  const { bytes, toFloat32 } = readers[dtype];
  const rowBytes = cols * bytes;
  const tensor: SourceTensor = {
    name,
    shape,
    dtype,
    sizeBytes,
    kept: { format, rows, cols },
    isExact: dtype !== "BF16" || format === "f32",
    values: async (first, end, signal) =>
      toFloat32((await stored.read(first * rowBytes, end * rowBytes, signal)).buffer),
  };
  return dtype === "F16" && format === "f16"
    ? { ...tensor, packed: (signal) => halves(stored, rows, cols, signal) }
    : tensor;
}

async function* halves(
  stored: StoredTensor,
  rows: number,
  cols: number,
  signal: AbortSignal,
): AsyncGenerator<WeightPart> {
  for (const [first, end] of rowPieces(rows, cols)) {
    const offsetBytes = first * cols * 2;
    const { buffer } = await stored.read(offsetBytes, end * cols * 2, signal);
    requireFinite(new Uint16Array(buffer), "f16", stored.where, (index) => {
      return `Row ${first + Math.floor(index / cols)}, column ${index % cols}`;
    });
    yield { binding: "weight", offsetBytes, values: new Uint32Array(buffer) };
  }
}
