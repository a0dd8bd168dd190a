// Rows of an embedding table by token, whatever the table's format.
import { onePerVariant } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import {
  weightBindings,
  weightReader,
  type ScaleType,
  type StoredWeight,
  type WeightFormat,
} from "../weight-format/format.ts";
import source from "./gather.wgsl?raw";

const kernelOf = onePerVariant(
  (format: WeightFormat, groupSize: number | undefined, scaleType: ScaleType | undefined) =>
    elementwise({
      name: `embedding-${format}`,
      source,
      items: "params.rows * params.quads",
      definitions: weightReader({ format, groupSize, scaleType }),
      bindings: {
        tokens: { use: "constant", element: "u32" },
        ...weightBindings(format),
        x: { use: "out", element: "vec4f" },
      },
      params: { rows: "u32", quads: "u32", firstTableRow: "u32", tableRows: "u32", scale: "f32" },
    }),
);

/**
 * x[row, :] = scale * table[tokens[row], :]; x: [rows, table.cols], tokens: u32 [rows]. A table too
 * large for one binding comes in parts, with one call each: a call leaves alone the rows of tokens
 * that are not in its part.
 * @param firstTableRow token of the part's first row
 * @param scale what embeddings are multiplied by; 1 if left out
 */
export function embedding(
  { rows, firstTableRow = 0, scale = 1 }: { rows: number; firstTableRow?: number; scale?: number },
  { table, tokens, x }: { table: StoredWeight; tokens: Tensor | View; x: Tensor },
): Dispatch {
  const quads = table.cols / 4;
  return dispatch(kernelOf(table.format, table.groupSize, table.scaleType), {
    tensors: { tokens, ...table.tensors, x },
    params: { rows, quads, firstTableRow, tableRows: table.rows, scale },
    grid: gridOver(rows * quads),
    work: 4 * rows * table.cols,
  });
}
