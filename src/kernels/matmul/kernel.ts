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
import { gateDefinitions, type GateFunction } from "../gated-mlp/kernel.ts";
import throughGate from "../gated-mlp/through-gate.wgsl?raw";
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
  return product("byRows", rows, parts, outputsOf(parts), parts.lora?.h);
}

/** dx = dy W (+ scaling u A) (+ residual): x is dy, y is dx. */
export function linearBackward(rows: number, parts: MatmulParts<BackwardLora>): Dispatch {
  return product("byCols", rows, parts, outputsOf(parts), parts.lora?.u);
}

/** A product that ends in gate and up, both [rows, width]. */
export interface GatedParts extends Omit<MatmulParts<BackwardLora>, "y" | "residual"> {
  gate: Tensor;
  up: Tensor;
  activation: GateFunction;
}

/**
 * Turns gate and up into their gradients, as `gatedMlpBackward` does from dAct, which is
 * dy W (+ scaling u A) here and needs no memory.
 */
export function linearBackwardGated(
  rows: number,
  { gate, up, activation, ...parts }: GatedParts,
): Dispatch {
  const outputs = { tensors: { gate, up }, ending: activation };
  return product("byCols", rows, parts, outputs, parts.lora?.u);
}

/** The tensors that a product ends in. */
interface Outputs {
  tensors: Readonly<Record<string, Tensor>>;
  ending: Addend | GateFunction;
}

function outputsOf({ y, residual }: Pick<MatmulParts, "residual" | "y">): Outputs {
  const ending = addendOf({ y, ...(residual && { residual }) });
  return { tensors: { ...(residual && ending === "residual" && { residual }), y }, ending };
}

function product(
  orientation: Orientation,
  rows: number,
  parts: Omit<MatmulParts<LoraPart>, "y" | "residual">,
  { tensors, ending }: Outputs,
  inner: Columns | undefined,
): Dispatch {
  const { x, weight, lora, skipUpToCount = -1 } = parts;
  const { format, groupSize, scaleType } = weight;
  const [length, outer] =
    orientation === "byRows" ? [weight.cols, weight.rows] : [weight.rows, weight.cols];
  const [innerQuads, outerQuads] = [Math.ceil(length / 4), Math.ceil(outer / 4)];
  requireSize(x, rows * innerQuads * 4);
  for (const output of Object.values(tensors)) {
    requireSize(output, rows * outerQuads * 4);
  }
  const tile = parts.tile ?? (outer <= 64 ? "narrow" : defaultTile);
  const span = tileSpan(tiles[tile]);
  const rank = lora?.rank ?? 0;
  return dispatch(
    kernelOf(orientation, format, groupSize, scaleType, tile, lora !== undefined, ending),
    {
      tensors: {
        x,
        ...weight.tensors,
        ...(inner && { [loraInput(orientation)]: inner.tensor }),
        ...(lora && { lora: lora.matrix }),
        ...tensors,
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
    ending: Addend | GateFunction,
  ) => {
    const isGated = ending === "silu" || ending === "gelu-tanh";
    const own = isGated ? `${gateDefinitions(ending)}\n${throughGate}` : "";
    return defineKernel({
      name: [
        orientation === "byRows" ? "linear" : "linear-backward",
        ...(isGated ? [ending] : []),
        ...[format, tile],
      ].join(" "),
      source: matmulSource({
        orientation,
        tile: tiles[tile],
        hasLora,
        ending: isGated ? "gated" : ending,
      }),
      definitions: `${weightReader({ format, groupSize, scaleType })}${own}`,
      ...nativeReader(format, own),
      bindings: {
        x: vectors("in"),
        ...weightBindings(format),
        ...(hasLora && { [loraInput(orientation)]: vectors("in"), lora: vectors("constant") }),
        ...outputBindings(ending),
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
    });
  },
);

function outputBindings(ending: Addend | GateFunction): Record<string, Binding> {
  switch (ending) {
    case "none":
      return { y: vectors("out") };
    case "residual":
      return { residual: vectors("in"), y: vectors("out") };
    case "itself":
      return { y: vectors("inout") };
    case "silu":
    case "gelu-tanh":
      return { gate: vectors("inout"), up: vectors("inout") };
  }
}
