// Who sees whom, by hand: within segments, in a prompt and in a cache, with a sliding window and
// without.
import type * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { batchMasks, cacheMasks, maskOf, promptMasks } from "../../../src/engine/tfjs/masks.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { madeUpBatch, madeUpConfig } from "../../support/made-up-model.ts";

beforeAll(async () => {
  await openMachine("cpu");
});

const config = madeUpConfig({
  slidingWindow: 2,
  layers: [
    { isSliding: false, hasRope: true },
    { isSliding: true, hasRope: true },
  ],
});

/** A row of text for each query: x where it looks. */
const drawn = (mask: tf.Tensor4D) => {
  const [, , queries, keys] = mask.shape;
  const values = [...mask.dataSync()].map((value) => (value === 0 ? "x" : "."));
  return Array.from({ length: values.length / keys }, (_, row) =>
    values.slice(row * keys, (row + 1) * keys).join(""),
  ).map((row, index) => (index % queries === 0 && index > 0 ? `|${row}` : row));
};

test("a token of a batch attends to its segment, in sliding layers to its last two tokens", () => {
  const masks = batchMasks(config, madeUpBatch(config, [[3, 2]], 6, 1));
  expect(drawn(masks.full)).toEqual(["x.....", "xx....", "xxx...", "...x..", "...xx.", ".....x"]);
  expect(drawn(masks.sliding)).toEqual([
    "x.....",
    "xx....",
    ".xx...",
    "...x..",
    "...xx.",
    ".....x",
  ]);
});

test("the mask of a batch separates the segments of each row", () => {
  const masks = batchMasks(config, madeUpBatch(config, [[3], [1, 2]], 3, 1));
  expect(drawn(masks.sliding)).toEqual(["x..", "xx.", ".xx", "|x..", ".x.", ".xx"]);
});

test("a token of a prompt attends to all up to itself, in sliding layers to the last two", () => {
  const masks = promptMasks(config, 4);
  expect(drawn(masks.full)).toEqual(["x...", "xx..", "xxx.", "xxxx"]);
  expect(drawn(masks.sliding)).toEqual(["x...", "xx..", ".xx.", "..xx"]);
});

test("a new token attends to the cache up to itself, in sliding layers to the last two positions", () => {
  const masks = cacheMasks(config, 5, 3);
  expect(drawn(masks.full)).toEqual(["xxxx."]);
  expect(drawn(masks.sliding)).toEqual(["..xx."]);
  expect(drawn(cacheMasks(config, 5, 0).sliding)).toEqual(["x...."]);
});

test("a layer uses the mask of its kind, and a model without sliding layers has one mask", () => {
  const masks = promptMasks(config, 2);
  expect(maskOf(config, masks, 0)).toBe(masks.full);
  expect(maskOf(config, masks, 1)).toBe(masks.sliding);
  const plain = promptMasks(madeUpConfig(), 2);
  expect(plain.sliding).toBe(plain.full);
});
