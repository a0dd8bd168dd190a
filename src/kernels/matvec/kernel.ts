// The matrix-vector product with a frozen weight, for 1 to 4 rows: generation, where reading the
// weight bounds the time. Same inputs as the matrix product (matmul/kernel.ts), forward only.
import { defineKernel, onePerVariant, type Binding } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import type { ForwardLora, Matrix } from "../matmul/kernel.ts";
import {
  weightBindings,
  weightReader,
  type ScaleType,
  type WeightFormat,
} from "../weight-format/format.ts";
import adapter from "./adapter.wgsl?raw";
import source from "./matvec.wgsl?raw";

export interface MatvecParts {
  /** [rows, weight.cols] */
  x: Tensor;
  weight: Matrix;
  /**
   * [rows, width], width weight.rows rounded up to a multiple of 4; columns past weight.rows are
   * not written.
   */
  y: Tensor;
  lora?: ForwardLora;
  /** Added to the product; in the layout of y, and not the same tensor. */
  residual?: Tensor;
}

/** The most rows of x; the matrix product is faster for more. */
export const maxMatvecRows = 4;

const rowsOfTeam = 4;

/** y = x W^T (+ scaling h B^T) (+ residual). @param rows of x and y, 1 to 4; W up to 524,280 */
export function matvec(rows: number, { x, weight, y, lora, residual }: MatvecParts): Dispatch {
  const { rows: outer, cols: inner } = weight;
  const rank = lora?.rank ?? 0;
  invariant(rows >= 1 && rows <= maxMatvecRows, `a matrix-vector product of ${rows} rows`);
  invariant(inner % 4 === 0 && rank % 4 === 0, `${inner} and ${rank} are not whole quads`);
  const lanes = lanesFor(outer, inner);
  const { format, groupSize, scaleType } = weight;
  const kernel = kernelOf(
    rows,
    format,
    groupSize,
    scaleType,
    lanes,
    lora !== undefined,
    residual !== undefined,
  );
  return dispatch(kernel, {
    tensors: {
      x,
      ...weight.tensors,
      ...(lora && { h: lora.h.tensor, lora: lora.matrix }),
      ...(residual && { residual }),
      y,
    },
    params: {
      outer,
      innerQuads: inner / 4,
      yWidth: Math.ceil(outer / 4) * 4,
      rankQuads: rank / 4,
      loraStride: (lora?.h.width ?? 0) / 4,
      loraFirst: (lora?.h.first ?? 0) / 4,
      scaling: lora?.scaling ?? 0,
    },
    grid: [Math.ceil(outer / (teamsOf(lanes) * rowsOfTeam)), 1, 1],
    work: rows * outer * (inner + rank),
  });
}

/**
 * Lanes of a team: about eight quads of a row each; 8 to 32, so that W is read in whole pieces. Few
 * rows, as in an adapter's A, are few teams; up to 128 lanes each keep the GPU busy.
 */
function lanesFor(outer: number, inner: number): number {
  const most = outer <= 64 ? 128 : 32;
  return Math.min(most, Math.max(8, 2 ** Math.floor(Math.log2(inner / 32))));
}

/** Teams in a workgroup. */
function teamsOf(lanes: number): number {
  return Math.max(1, 64 / lanes);
}

const quads: Binding = { use: "in", element: "vec4f" };

const kernelOf = onePerVariant(
  (
    rows: number,
    format: WeightFormat,
    groupSize: number | undefined,
    scaleType: ScaleType | undefined,
    lanes: number,
    hasLora: boolean,
    hasResidual: boolean,
  ) =>
    defineKernel({
      name: `matvec ${format}`,
      source,
      definitions: [
        weightReader({ format, groupSize, scaleType }),
        rowTypes(rows),
        quadsOf("x", (m) => `${m}u * params.innerQuads`, rows),
        hasLora
          ? quadsOf("h", (m) => `params.loraFirst + ${m}u * params.loraStride`, rows) + adapter
          : noAdapter,
        `fn residual_of(at : u32) -> f32 { return ${hasResidual ? "residual[at]" : "0.0"}; }`,
      ].join("\n"),
      constants: { TEAMS: teamsOf(lanes), LANES: lanes, X_ROWS: rows },
      bindings: {
        x: quads,
        ...weightBindings(format),
        ...(hasLora && { h: quads, lora: { use: "constant", element: "vec4f" } }),
        ...(hasResidual && { residual: { use: "in", element: "f32" } }),
        y: { use: "out", element: "f32" },
      },
      params: {
        outer: "u32",
        innerQuads: "u32",
        yWidth: "u32",
        rankQuads: "u32",
        loraStride: "u32",
        loraFirst: "u32",
        scaling: "f32",
      },
    }),
);

const noAdapter =
  "fn add_adapter(sums : TeamSums, rows : vec4u, lane : u32) -> TeamSums { return sums; }\n";

/**
 * The WGSL types for `rows` rows. One quad per row forms a matrix of `rows` columns; a quad of W
 * times that matrix is the vector of their dot products.
 */
function rowTypes(rows: number): string {
  const [quads, sums, product, sum] =
    rows === 1
      ? ["vec4f", "f32", "dot(w, quads)", "sums"]
      : [`mat${rows}x4f`, `vec${rows}f`, "w * quads", "sums[m]"];
  return `alias Quads = ${quads};
alias Sums = ${sums};
fn products(w : vec4f, quads : Quads) -> Sums { return ${product}; }
fn sum_of(sums : Sums, m : u32) -> f32 { return ${sum}; }`;
}

function quadsOf(binding: string, start: (row: number) => string, rows: number): string {
  const columns = Array.from({ length: rows }, (_, m) => `${binding}[${start(m)} + quad]`);
  return `fn quads_of_${binding}(quad : u32) -> Quads { return Quads(${columns.join(", ")}); }\n`;
}
