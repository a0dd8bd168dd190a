// The generated WGSL of the matrix product, pinned as files for review: every weight format, both
// orientations, operands in registers and in workgroup memory, with and without adapter, and each
// addend. A change of the template shows as a diff of the modules.
import { expect, test } from "vitest";
import { persistent, viewOf, type Dispatch } from "../../../src/gpu/plan.ts";
import {
  linear,
  linearBackward,
  type BackwardLora,
  type ForwardLora,
  type MatmulParts,
} from "../../../src/kernels/matmul/kernel.ts";
import type { TileName } from "../../../src/kernels/matmul/tile.ts";
import { storedWeight, type WeightLayout } from "../../../src/kernels/weight-format/format.ts";

const [rows, size, rank] = [8, 256, 8];
const [x, y, other] = ["x", "y", "other"].map((label) => persistent(label, rows * size));
const lora = {
  h: { tensor: persistent("h", rows * rank), width: rank, first: 0 },
  u: { tensor: persistent("u", rows * rank), width: rank, first: 0 },
  matrix: viewOf(persistent("adapter", size * rank), 0, size * rank),
  rank,
  scaling: 2,
};

type Parts = MatmulParts<ForwardLora & BackwardLora>;
type Product = (rows: number, parts: Parts) => Dispatch;

function kernelOf(product: Product, tile: TileName, layout: WeightLayout, extra: Partial<Parts>) {
  const weight = storedWeight("weight", { ...layout, rows: size, cols: size });
  return product(rows, { x: x!, weight, y: y!, tile, ...extra }).kernel;
}

const affine = (format: "q8" | "q4", groupSize: number, scaleType: WeightLayout["scaleType"]) => ({
  format,
  groupSize,
  scaleType,
});
const residual = other!;
const itself = y!;

test.each([
  ["linear-f32-narrow", linear, "narrow", { format: "f32" }, {}],
  [
    "linear-f16-registers8-lora-residual",
    linear,
    "registers8",
    { format: "f16" },
    { lora, residual },
  ],
  ["linear-q4-registers4-lora", linear, "registers4", affine("q4", 64, "bf16"), { lora }],
  ["linear-nf4-shared4-residual", linear, "shared4", { format: "nf4" }, { residual }],
  [
    "linear-q8-shared8-lora-residual",
    linear,
    "shared8",
    affine("q8", 32, "f16"),
    { lora, residual },
  ],
  ["backward-f32-registers4", linearBackward, "registers4", { format: "f32" }, {}],
  [
    "backward-q8-registers8-lora-itself",
    linearBackward,
    "registers8",
    affine("q8", 128, "f32"),
    { lora, residual: itself },
  ],
  [
    "backward-q4-sharedTall-lora-itself",
    linearBackward,
    "sharedTall",
    affine("q4", 32, "f16"),
    { lora, residual: itself },
  ],
] as [string, Product, TileName, WeightLayout, Partial<Parts>][])(
  "the WGSL of %s is the reviewed snapshot",
  async (name, product, tile, layout, extra) => {
    const { code } = kernelOf(product, tile, layout, extra);
    await expect(`${code}\n`).toMatchFileSnapshot(`snapshots/${name}.wgsl`);
  },
);

test("the WGSL that reads f16 natively is the reviewed snapshot", async () => {
  const { extended } = kernelOf(linear, "registers4", { format: "f16" }, {});
  expect(extended?.extension).toBe("f16");
  await expect(`${extended?.code}\n`).toMatchFileSnapshot(
    "snapshots/linear-f16-native-registers4.wgsl",
  );
});

test("products of equal variants share one kernel", () => {
  const of = (extra: Partial<Parts>) => kernelOf(linear, "narrow", { format: "f32" }, extra);
  expect(of({})).toBe(of({}));
  expect(of({ lora })).toBe(of({ lora }));
  expect(of({ lora })).not.toBe(of({}));
  expect(of({ residual })).not.toBe(of({ residual: itself }));
});
