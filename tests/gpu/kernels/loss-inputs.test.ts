// Proofs of what a chunk of rows is to learn: by hand, as masked losses of tfjs take it, around the
// workgroup's size.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { lossInputs } from "../../../src/kernels/loss-inputs/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

interface Case {
  firstRow: number;
  rows: number;
  supervisedRows: number;
}

async function inputsOf(
  { firstRow, rows, supervisedRows }: Case,
  table: Uint32Array<ArrayBuffer>,
  tableOfWeights: Float32Array<ArrayBuffer> | null = null,
) {
  const tensors = new TestTensors();
  const targets = tensors.given("targets", table);
  const classes = tensors.output("classes", rows);
  const weights = tensors.output("weights", rows);
  const scale = tensors.output("scale", 1);
  const weighted = tableOfWeights !== null && {
    targetWeights: tensors.given("target weights", tableOfWeights),
  };
  const run = lossInputs({ firstRow, rows }, { targets, ...weighted, classes, weights, scale });
  const outputs = [classes, weights, scale];
  const step = { supervisedRows, gradScale: 1 / 7 };
  const [bits, ...rest] = await runOnGpu([run], tensors, outputs, step);
  return { classes: new Uint32Array(bits!.buffer), weights: rest[0]!, scale: rest[1]! };
}

test("the loss inputs of a chunk of three rows, two of them supervised, are those worked out by hand", async () => {
  const given = { firstRow: 3, rows: 3, supervisedRows: 5 };
  const { classes, weights, scale } = await inputsOf(given, Uint32Array.of(9, 9, 9, 4, 0, 8));
  expect([...classes]).toEqual([4, 0, 0]);
  expect([...weights]).toEqual([1, 1, 0]);
  expect([...scale]).toEqual([Math.fround(1 / 7)]);
});

test("the loss inputs of weighted rows have the weights of the supervised ones, and 0 past them", async () => {
  const given = { firstRow: 3, rows: 3, supervisedRows: 5 };
  const table = Float32Array.of(7, 7, 7, 0.25, -2, 5);
  const { classes, weights, scale } = await inputsOf(
    given,
    Uint32Array.of(9, 9, 9, 4, 0, 8),
    table,
  );
  expect([...classes]).toEqual([4, 0, 0]);
  expect([...weights]).toEqual([0.25, -2, 0]);
  expect([...scale]).toEqual([Math.fround(1 / 7)]);
});

const sizes = [1, 2, 63, 64, 65, 127, 128, 1000];
const cases = sizes.flatMap((rows): Case[] => [
  { firstRow: 0, rows, supervisedRows: rows },
  { firstRow: 2 * rows, rows, supervisedRows: 2 * rows + Math.ceil(rows / 2) },
]);

test.each(cases)(
  "the loss inputs of %o count the supervised rows alone, as in tfjs",
  async (given) => {
    const { firstRow, rows, supervisedRows } = given;
    const vocabulary = 50_000;
    const table = Uint32Array.from(randoms(firstRow + rows, 3), (value) =>
      Math.floor(((value + 1) / 2) * vocabulary),
    );
    const { classes, weights } = await inputsOf(given, table);
    const own = table.subarray(firstRow, supervisedRows);
    expect(classes.subarray(0, own.length)).toEqual(own);
    expect(classes.subarray(own.length).every((value) => value === 0)).toBe(true);
    const losses = randoms(rows, 4);
    const sum = tf.losses.computeWeightedLoss(
      tf.tensor1d(losses),
      tf.tensor1d(weights),
      tf.Reduction.SUM,
    );
    const expected = losses.subarray(0, own.length).reduce((total, loss) => total + loss, 0);
    expect(distance(await sum.data(), [expected])).toBeLessThan(2e-5);
  },
);

test.each(cases)(
  "the loss inputs of %o with weights sum losses times weights, as in tfjs",
  async (given) => {
    const { firstRow, rows, supervisedRows } = given;
    const table = randoms(firstRow + rows, 8).map((value) => 2 * value);
    const { weights } = await inputsOf(given, new Uint32Array(firstRow + rows), table);
    const own = table.subarray(firstRow, supervisedRows);
    expect(weights.subarray(0, own.length)).toEqual(own);
    const losses = randoms(rows, 4).map((value) => 2 + value);
    const reduction = tf.Reduction.SUM;
    const sum = tf.losses.computeWeightedLoss(tf.tensor1d(losses), tf.tensor1d(weights), reduction);
    const expected = own.reduce((total, weight, row) => total + weight * losses[row]!, 0);
    const scale = own.reduce((total, weight, row) => total + Math.abs(weight * losses[row]!), 0);
    expect(Math.abs((await sum.data())[0]! - expected) / scale).toBeLessThan(2e-6);
  },
);

test("a chunk of loss inputs without supervised rows is skipped", () => {
  const tensors = new TestTensors();
  const rows = tensors.output("rows", 8);
  const targets = tensors.given("targets", new Uint32Array(24));
  const run = lossInputs(
    { firstRow: 16, rows: 8 },
    { targets, classes: rows, weights: rows, scale: rows },
  );
  expect(run.skipUpToCount).toBe(16);
});
