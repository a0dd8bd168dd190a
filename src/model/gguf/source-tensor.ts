// A tensor of a GGUF file as a frozen weight of the model.
import {
  decodableName,
  decodableTypes,
  dequantize,
  type DecodableType,
} from "../../formats/gguf/dequantize.ts";
import type { RowSource } from "../../formats/gguf/file.ts";
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";
import { UserError } from "../../util/errors.ts";
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightPart } from "../weight-format/encode.ts";
import { requireFinite } from "../weight-format/finite.ts";
import { formatFor, type WeightShape } from "../weight-format/format.ts";
import { rowPieces } from "../weights/pieces.ts";
import { matrixOf } from "../weights/store.ts";
import { groupSize, packBlocks, packingOf } from "./pack.ts";
import { readRows, type RowOrder } from "./rows.ts";

/** How a tensor of the file differs from the model's. */
export interface Differences {
  /** Where the rows of the model lie, if not in their own order. */
  order: RowOrder | null;
  /** What the file has more in each value. */
  shift: 0 | 1;
}

type ReadRows = (
  first: number,
  end: number,
  signal: AbortSignal,
) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * @param name of the model's tensor
 * @throws UserError "wrong-dtype" for a type that is not decoded
 */
export function ggufSourceTensor(
  file: RowSource,
  tensor: GgufTensor,
  name: string,
  { order, shift }: Differences,
): SourceTensor {
  const where = `${file.name}, tensor ${JSON.stringify(tensor.name)}`;
  const { type, ne, sizeBytes } = tensor;
  const decodable = decodableName(type);
  if (decodable === undefined) {
    throw undecodable(type.name, where);
  }
  const shape = [...ne].reverse();
  const kept = keptShape(decodable, shape);
  const isVector = kept.rows === 1;
  const read: ReadRows = (first, end, signal) =>
    readRows(file, tensor, isVector ? null : order, first, end, signal);
  const packing = packingOf(type.name);
  const source: SourceTensor = {
    name,
    shape,
    dtype: type.name,
    sizeBytes,
    kept,
    isExact: kept.format === "f32" || decodable === "F16" || packing !== undefined,
    values: async (first, end, signal) => {
      const values = dequantize(decodable, type, await read(first, end, signal));
      const ordered = isVector && order !== null ? inOrder(values, order) : values;
      return shift === 0 ? ordered : ordered.map((value) => value - shift);
    },
  };
  if (packing !== undefined && kept.format === packing.format) {
    const pack = (bytes: Uint8Array<ArrayBuffer>) => ({ ...packBlocks(packing, bytes) });
    return { ...source, packed: (signal) => packedParts(kept, read, pack, where, signal) };
  }
  if (decodable === "F16" && kept.format === "f16") {
    const pack = ({ buffer }: Uint8Array<ArrayBuffer>) => ({ weight: new Uint32Array(buffer) });
    return { ...source, packed: (signal) => packedParts(kept, read, pack, where, signal) };
  }
  return source;
}

/** K-quants have scales of 17 bits, so they are quantised anew. */
function keptShape(type: DecodableType, shape: readonly number[]): WeightShape {
  const { rows, cols } = matrixOf(shape);
  const isPlain = type === "F32" || type === "F16" || type === "BF16";
  const wanted = isPlain ? (type === "F32" ? "f32" : "f16") : (packingOf(type)?.format ?? "q8");
  const format = formatFor(wanted, rows, cols, groupSize);
  return format === "q4" || format === "q8"
    ? { format, rows, cols, groupSize }
    : { format, rows, cols };
}

/** The biases of rows. */
function inOrder(values: Float32Array, order: RowOrder): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (_, row) => values[order(row)] ?? 0);
}

async function* packedParts(
  { rows, cols }: WeightShape,
  read: ReadRows,
  pack: (bytes: Uint8Array<ArrayBuffer>) => Partial<Record<Binding, Uint32Array<ArrayBuffer>>>,
  where: string,
  signal: AbortSignal,
): AsyncGenerator<WeightPart> {
  const ends = { weight: 0, scales: 0 };
  for (const [first, end] of rowPieces(rows, cols)) {
    const parts = pack(await read(first, end, signal));
    // Without scales the weights are the f16 numbers themselves.
    const halves = new Uint16Array((parts.scales ?? parts.weight)?.buffer ?? new ArrayBuffer(0));
    const halvesInRow = halves.length / (end - first);
    requireFinite(halves, "f16", where, (index) => {
      const row = first + Math.floor(index / halvesInRow);
      return parts.scales === undefined ? `A value in row ${row}` : `A scale in row ${row}`;
    });
    for (const binding of ["weight", "scales"] as const) {
      const values = parts[binding];
      if (values !== undefined) {
        yield { binding, offsetBytes: ends[binding], values };
        ends[binding] += values.byteLength;
      }
    }
  }
}

type Binding = "weight" | "scales";

function undecodable(typeName: string, where: string): UserError {
  return new UserError(
    "wrong-dtype",
    `It is ${typeName}, which is not read; read are ${decodableTypes.join(", ")}.`,
    { where, remedy: "Choose the model's file in another quantisation, such as Q8_0 or Q4_K_M." },
  );
}
