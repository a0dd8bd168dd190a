// Reads rows of a GGUF tensor in the order of the model. Blocks run along rows, so packed rows can
// be moved like plain ones.
import type { RowSource } from "../../formats/gguf/file.ts";
import type { GgufArchitecture } from "./architecture.ts";
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";

/** Maps a row of the model to a row of the file. */
export type RowOrder = (row: number) => number;

/**
 * Undoes the permutation of q and k by llama.cpp's converter (conversion/llama.py,
 * LlamaModel.permute), which interleaves the rows of the two halves of a head.
 */
export function halvesOfHeads(headDim: number): RowOrder {
  const half = headDim / 2;
  return (row) => {
    const inHead = row % headDim;
    return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
  };
}

/** Its inverse, for writing: maps a row of the file to a row of the model. */
export function interleavedHeads(headDim: number): RowOrder {
  const half = headDim / 2;
  return (row) => {
    const inHead = row % headDim;
    return row - inHead + (inHead % 2) * half + Math.floor(inHead / 2);
  };
}

/** Whether the converter interleaves the rows of a tensor, by its Hugging Face name. */
export function isInterleaved(name: string, architecture: GgufArchitecture): boolean {
  return architecture.isInterleaved && /\.(q|k)_proj\.\w+$/.test(name);
}

/**
 * Bytes of the model's rows `first` to `end` (exclusive), in a new buffer. With an order, the file
 * is read from the lowest needed row to the highest, at most one head outside the range.
 */
export async function readRows(
  file: RowSource,
  tensor: GgufTensor,
  order: RowOrder | null,
  first: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (order === null || first === end) {
    return await file.readRows(tensor, first, end, signal);
  }
  const places = Array.from({ length: end - first }, (_, i) => order(first + i));
  const lowest = places.reduce((least, place) => Math.min(least, place));
  const highest = places.reduce((most, place) => Math.max(most, place));
  const stored = await file.readRows(tensor, lowest, highest + 1, signal);
  const { rowBytes } = tensor;
  const rows = new Uint8Array(places.length * rowBytes);
  places.forEach((place, i) => {
    const at = (place - lowest) * rowBytes;
    rows.set(stored.subarray(at, at + rowBytes), i * rowBytes);
  });
  return rows;
}
