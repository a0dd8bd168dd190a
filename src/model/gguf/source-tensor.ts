// A tensor of a GGUF file as a frozen weight of the model.
//
// GGUF stores a tensor under llama.cpp's name, with its dimensions reversed (ne[0] is the row
// length), and in some cases changed by the converter: the rows of q and k are interleaved for
// ggml's older RoPE, and the norms of Gemma have 1 added. Both changes are undone here, on the fly.
// Q4_0, Q4_1, Q5_*, Q8_0 have blocks of 32 with an f16 scale, so they become q4 or q8 groups by
// moving bits (pack.ts). K-quants have scales of more bits than f16 holds, so they are dequantised
// and quantised again, to q8. Source: ggml-org/llama.cpp, ggml-common.h and conversion/llama.py.
import {
  decodableName,
  decodableTypes,
  dequantize,
  type DecodableType,
} from "../../formats/gguf/dequantize.ts";
import type { RowSource } from "../../formats/gguf/file.ts";
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightPart } from "../weight-format/encode.ts";
import { requireFinite } from "../weight-format/finite.ts";
import { formatFor, type WeightShape } from "../weight-format/format.ts";
import { rowPieces } from "../weights/pieces.ts";
import { matrixOf } from "../weights/store.ts";
import { groupSize, packBlocks, packingOf } from "./pack.ts";
import { readRows, type RowOrder } from "./rows.ts";

/** The differences between a tensor of the file and that of the model. */
export interface Differences {
  /** Order of the rows in the file; null where it is that of the model. */
  order: RowOrder | null;
  /** Number that the converter added to each value. */
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
  const where = `${file.name}, tensor ${shortJson(tensor.name)}`;
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

/** K-quants have scales of 17 bits and IQ4_NL uneven steps, so they are requantised to q8. */
function keptShape(type: DecodableType, shape: readonly number[]): WeightShape {
  const { rows, cols } = matrixOf(shape);
  const isPlain = type === "F32" || type === "F16" || type === "BF16";
  const wanted = isPlain ? (type === "F32" ? "f32" : "f16") : (packingOf(type)?.format ?? "q8");
  const format = formatFor(wanted, rows, cols, groupSize);
  return format === "q4" || format === "q8"
    ? { format, rows, cols, groupSize }
    : { format, rows, cols };
}

/** The values of a bias in the row order of the model. */
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
    // Without scales the weights are f16 numbers.
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
    `The type ${typeName} is not supported. Supported: ${decodableTypes.join(", ")}.`,
    {
      where,
      remedy: "Choose a file of the model in another quantisation, such as Q8_0 or Q4_K_M.",
    },
  );
}
