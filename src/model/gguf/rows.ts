// Rows of a GGUF tensor in the order of the model. Blocks lie along rows, so packed rows move as
// well as plain ones.
import type { RowSource } from "../../formats/gguf/file.ts";
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";

/** From a row of the model to the file's. */
export type RowOrder = (row: number) => number;

/**
 * Undoes what llama.cpp's converter does to q and k of Llama's kind (conversion/llama.py,
 * LlamaModel.permute): it takes the rows of a head's two halves in turns.
 */
export function halvesOfHeads(headDim: number): RowOrder {
  const half = headDim / 2;
  return (row) => {
    const inHead = row % headDim;
    return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
  };
}

/**
 * Bytes of the model's rows `first` to `end`, in a buffer of their own. With an order, the file is
 * read from the lowest row that is needed to the highest, which are less than a head apart from
 * them.
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
