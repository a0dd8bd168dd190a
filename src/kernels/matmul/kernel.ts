// Matrix products with a frozen weight of any format and, in the same sum, its LoRA adapter:
// forward y = x W^T + s h B^T and backward dx = dy W + s u A. One template (template.ts), a few
// tiles (tile.ts).
import { defineKernel, type Binding, type Kernel } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import {
  nativeReader,
  weightBindings,
  weightReader,
  type WeightLayout,
} from "../weight-format/format.ts";
import { matmulSource, type Addend, type Orientation } from "./template.ts";
import { tiles, tileSpan, type Tile, type TileName } from "./tile.ts";

/** A matrix [rows, cols] in a format: a frozen weight, or a LoRA matrix as f32. */
export interface Matrix extends WeightLayout {
  readonly rows: number;
  readonly cols: number;
  /** By the binding's name in WGSL. */
  readonly tensors: Readonly<Record<string, Tensor | View>>;
}

/** The adapter's part of the sum: scaling * low matrix^T, or scaling * low matrix. */
export interface LoraPart {
  /** [rows, rank], rank a multiple of 4. */
  low: Tensor;
  /** Forward B [out, rank], backward A [rank, in]. */
  matrix: View;
  rank: number;
  scaling: number;
}

export interface MatmulParts {
  /**
   * [rows, width], width the contraction's length rounded up to a multiple of 4; what is past the
   * length is zero.
   */
  x: Tensor;
  weight: Matrix;
  /**
   * [rows, width], width the product's columns rounded up to a multiple of 4; what is past them is
   * undefined.
   */
  y: Tensor;
  lora?: LoraPart;
  /** Added to the product; y itself accumulates. */
  residual?: Tensor;
  tile?: TileName;
  /** See Dispatch. */
  skipUpToCount?: number;
}

/** y = x W^T (+ scaling low B^T) (+ residual). @param rows of x and y */
export function linear(rows: number, parts: MatmulParts): Dispatch {
  return product("byRows", rows, parts);
}

/** dx = dy W (+ scaling low A) (+ residual): x is dy, y is dx. */
export function linearBackward(rows: number, parts: MatmulParts): Dispatch {
  return product("byCols", rows, parts);
}

function product(orientation: Orientation, rows: number, parts: MatmulParts): Dispatch {
  const { x, weight, y, lora, residual, skipUpToCount = -1 } = parts;
  const [inner, outer] =
    orientation === "byRows" ? [weight.cols, weight.rows] : [weight.rows, weight.cols];
  const tileName = parts.tile ?? (outer <= 64 ? "narrow" : "registers8");
  const addend = residual === undefined ? "none" : residual === y ? "itself" : "residual";
  const kernel = kernelFor(orientation, weight, tileName, lora !== undefined, addend);
  const span = tileSpan(tiles[tileName]);
  const quads = (size: number) => Math.ceil(size / 4);
  requireSize(x, rows * quads(inner) * 4);
  requireSize(y, rows * quads(outer) * 4);
  return dispatch(kernel, {
    tensors: {
      x,
      ...weight.tensors,
      ...(lora !== undefined && { low: lora.low, lora: lora.matrix }),
      ...(addend === "residual" && residual !== undefined && { residual }),
      y,
    },
    params: {
      rows,
      inner,
      outer,
      innerQuads: quads(inner),
      outerQuads: quads(outer),
      xQuads: quads(inner),
      yQuads: quads(outer),
      rankQuads: quads(lora?.rank ?? 0),
      scaling: lora?.scaling ?? 0,
    },
    grid: [Math.ceil(outer / span.cols), Math.ceil(rows / span.rows), 1],
    work: rows * outer * (inner + (lora?.rank ?? 0)),
    skipUpToCount,
  });
}

function requireSize({ label, sizeBytes }: Tensor, elements: number): void {
  invariant(sizeBytes >= elements * 4, `${label} has ${sizeBytes} bytes, ${elements * 4} are used`);
}

const kernels = new Map<string, Kernel>();

function kernelFor(
  orientation: Orientation,
  { format, groupSize, scaleType }: Matrix,
  tileName: TileName,
  hasLora: boolean,
  addend: Addend,
): Kernel {
  const key = [orientation, format, groupSize, scaleType, tileName, hasLora, addend].join();
  const tile: Tile = tiles[tileName];
  const vectors = (use: Binding["use"]): Binding => ({ use, element: "vec4f" });
  const kernel =
    kernels.get(key) ??
    defineKernel({
      name: `${orientation === "byRows" ? "linear" : "linear-backward"} ${format} ${tile.name}`,
      source: matmulSource({ orientation, tile, hasLora, addend }),
      definitions: weightReader({ format, groupSize, scaleType }),
      ...nativeReader(format),
      bindings: {
        x: vectors("in"),
        ...weightBindings(format),
        ...(hasLora && { low: vectors("in"), lora: vectors("constant") }),
        ...(addend === "residual" && { residual: vectors("in") }),
        y: vectors(addend === "itself" ? "inout" : "out"),
      },
      params: {
        rows: "u32",
        inner: "u32",
        outer: "u32",
        innerQuads: "u32",
        outerQuads: "u32",
        xQuads: "u32",
        yQuads: "u32",
        rankQuads: "u32",
        scaling: "f32",
      },
    });
  kernels.set(key, kernel);
  return kernel;
}
