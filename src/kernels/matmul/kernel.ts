// Matrix products with a frozen weight of any format and, in the same sum, its LoRA adapter:
// forward y = x W^T + s h B^T, backward dx = dy W + s u A, with h = x A^T and u = dy B. template.ts
// writes the WGSL for the tiles of tile.ts.
import { defineKernel, onePerVariant, type Binding } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import {
  nativeReader,
  weightBindings,
  weightReader,
  type ScaleType,
  type WeightFormat,
  type WeightLayout,
} from "../weight-format/format.ts";
import { loraInput, matmulSource, type Addend, type Orientation } from "./template.ts";
import { defaultTile, tiles, tileSpan, type TileName } from "./tile.ts";

/** A matrix [rows, cols] in a format: a frozen weight, or a LoRA matrix as f32. */
export interface Matrix extends WeightLayout {
  readonly rows: number;
  readonly cols: number;
  /** By the binding's name in WGSL. */
  readonly tensors: Readonly<Record<string, Tensor | View>>;
}

/** Some columns of a matrix. */
export interface Columns {
  /** [rows, width] */
  readonly tensor: Tensor;
  /** Multiples of 4, like the number of columns. */
  readonly width: number;
  readonly first: number;
}

/** The adapter's part of the sum. */
interface LoraPart {
  /** Forward B [out, rank], backward A [rank, in]. */
  matrix: View;
  /** A multiple of 4. */
  rank: number;
  scaling: number;
}

/** + scaling * h B^T */
export interface ForwardLora extends LoraPart {
  /** x A^T [rows, rank] */
  h: Columns;
}

/** + scaling * u A */
export interface BackwardLora extends LoraPart {
  /** dy B [rows, rank] */
  u: Columns;
}

export interface MatmulParts<Lora extends LoraPart = ForwardLora> {
  /**
   * [rows, width], width the contraction's length rounded up to a multiple of 4. Columns past the
   * length hold zeros.
   */
  x: Tensor;
  weight: Matrix;
  /**
   * [rows, width], width the product's columns rounded up to a multiple of 4. Columns past them are
   * undefined.
   */
  y: Tensor;
  lora?: Lora;
  /** Added to the product; y itself accumulates. */
  residual?: Tensor;
  tile?: TileName;
  /** See Dispatch. */
  skipUpToCount?: number;
}

/** y = x W^T (+ scaling h B^T) (+ residual). @param rows of x and y */
export function linear(rows: number, parts: MatmulParts): Dispatch {
  return product("byRows", rows, parts, parts.lora?.h);
}

/** dx = dy W (+ scaling u A) (+ residual): x is dy, y is dx. */
export function linearBackward(rows: number, parts: MatmulParts<BackwardLora>): Dispatch {
  return product("byCols", rows, parts, parts.lora?.u);
}

function product(
  orientation: Orientation,
  rows: number,
  parts: MatmulParts<LoraPart>,
  inner: Columns | undefined,
): Dispatch {
  const { x, weight, y, lora, residual, skipUpToCount = -1 } = parts;
  const { format, groupSize, scaleType } = weight;
  const [length, outer] =
    orientation === "byRows" ? [weight.cols, weight.rows] : [weight.rows, weight.cols];
  const [innerQuads, outerQuads] = [Math.ceil(length / 4), Math.ceil(outer / 4)];
  requireSize(x, rows * innerQuads * 4);
  requireSize(y, rows * outerQuads * 4);
  const tile = parts.tile ?? (outer <= 64 ? "narrow" : defaultTile);
  const span = tileSpan(tiles[tile]);
  const addend = addendOf(parts);
  const rank = lora?.rank ?? 0;
  return dispatch(
    kernelOf(orientation, format, groupSize, scaleType, tile, lora !== undefined, addend),
    {
      tensors: {
        x,
        ...weight.tensors,
        ...(inner && { [loraInput(orientation)]: inner.tensor }),
        ...(lora && { lora: lora.matrix }),
        ...(residual && addend === "residual" && { residual }),
        y,
      },
      params: {
        rows,
        inner: length,
        outer,
        innerQuads,
        outerQuads,
        rankQuads: Math.ceil(rank / 4),
        loraStride: (inner?.width ?? 0) / 4,
        loraFirst: (inner?.first ?? 0) / 4,
        scaling: lora?.scaling ?? 0,
      },
      grid: [Math.ceil(outer / span.cols), Math.ceil(rows / span.rows), 1],
      work: rows * outer * (length + rank),
      skipUpToCount,
    },
  );
}

function addendOf({ residual, y }: Pick<MatmulParts, "residual" | "y">): Addend {
  if (residual === undefined) {
    return "none";
  }
  return residual === y ? "itself" : "residual";
}

function requireSize({ label, sizeBytes }: Tensor, elements: number): void {
  invariant(sizeBytes >= elements * 4, `${label} has ${sizeBytes} bytes, ${elements * 4} are used`);
}

const vectors = (use: Binding["use"]): Binding => ({ use, element: "vec4f" });

const kernelOf = onePerVariant(
  (
    orientation: Orientation,
    format: WeightFormat,
    groupSize: number | undefined,
    scaleType: ScaleType | undefined,
    tile: TileName,
    hasLora: boolean,
    addend: Addend,
  ) =>
    defineKernel({
      name: `${orientation === "byRows" ? "linear" : "linear-backward"} ${format} ${tile}`,
      source: matmulSource({ orientation, tile: tiles[tile], hasLora, addend }),
      definitions: weightReader({ format, groupSize, scaleType }),
      ...nativeReader(format),
      bindings: {
        x: vectors("in"),
        ...weightBindings(format),
        ...(hasLora && { [loraInput(orientation)]: vectors("in"), lora: vectors("constant") }),
        ...(addend === "residual" && { residual: vectors("in") }),
        y: vectors(addend === "itself" ? "inout" : "out"),
      },
      params: {
        rows: "u32",
        inner: "u32",
        outer: "u32",
        innerQuads: "u32",
        outerQuads: "u32",
        rankQuads: "u32",
        loraStride: "u32",
        loraFirst: "u32",
        scaling: "f32",
      },
    }),
);
