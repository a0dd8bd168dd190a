// Splits a matrix by columns and joins the parts: the outputs of a fused projection, and their
// gradients.
import { dispatch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import source from "./columns.wgsl?raw";

const kernelOf = (name: string, from: "whole" | "part", move: string) =>
  elementwise({
    name,
    source,
    items: "params.quads",
    definitions: `fn move_quad(of_whole : u32, of_part : u32) { ${move} }`,
    bindings: {
      whole: { use: from === "whole" ? "in" : "out", element: "vec4f" },
      part: { use: from === "part" ? "in" : "out", element: "vec4f" },
    },
    params: { quads: "u32", partQuads: "u32", wholeQuads: "u32", firstQuad: "u32" },
  });

const taking = kernelOf("take-columns", "whole", "part[of_part] = whole[of_whole];");
const putting = kernelOf("put-columns", "part", "whole[of_whole] = part[of_part];");

/**
 * The parts of a matrix by columns, in order, without gaps; each [rows, width], the width a
 * multiple of 4.
 */
export type Parts = readonly { tensor: Tensor; width: number }[];

/** Copies each part's columns out of the whole [rows, sum of widths], one dispatch per part. */
export function splitColumns(rows: number, whole: Tensor, parts: Parts): Dispatch[] {
  return call(taking, rows, whole, parts);
}

/** Copies the parts into the whole [rows, sum of widths], one dispatch per part. */
export function joinColumns(rows: number, whole: Tensor, parts: Parts): Dispatch[] {
  return call(putting, rows, whole, parts);
}

function call(kernel: typeof taking, rows: number, whole: Tensor, parts: Parts): Dispatch[] {
  const wholeWidth = parts.reduce((sum, { width }) => sum + width, 0);
  invariant(
    parts.every(({ width }) => width % 4 === 0),
    `columns of ${parts.map(({ width }) => width).join()} are not whole quads`,
  );
  invariant(
    whole.sizeBytes >= rows * wholeWidth * 4,
    `${whole.label} has no ${wholeWidth} columns`,
  );
  let first = 0;
  return parts.map(({ tensor, width }) => {
    const partQuads = width / 4;
    const firstQuad = first / 4;
    first += width;
    return dispatch(kernel, {
      tensors: { whole, part: tensor },
      params: { quads: rows * partQuads, partQuads, wholeQuads: wholeWidth / 4, firstQuad },
      grid: gridOver(rows * partQuads),
      work: rows * width,
    });
  });
}
