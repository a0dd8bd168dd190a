// Dropout on an adapter's input: as many zeros as asked, the rest scaled up, and the same again for
// the same step.
import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import type { LoraTarget } from "../../../src/adapter/targets.ts";
import type { StepHyper } from "../../../src/engine/contract.ts";
import type { TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { loraLinear, type DropoutDraw } from "../../../src/engine/tfjs/lora-linear.ts";
import type { FrozenWeights } from "../../../src/engine/tfjs/weights.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { goldenEngine, openGolden, toBatch, type Golden } from "../../support/golden.ts";

const width = 100;
const rows = 200;

beforeAll(async () => {
  await openMachine("cpu");
});

/**
 * The mask by itself: ones go in, the frozen weight is zero, A and B are the identity, the scaling
 * is 1.
 */
async function maskOf(draw: Partial<DropoutDraw> | null, target = 0): Promise<Float32Array> {
  const layer = (index: number): LoraTarget => ({
    module: `layer.${index}`,
    inFeatures: width,
    outFeatures: width,
    nameA: "a",
    nameB: "b",
  });
  const zero = tf.zeros<tf.Rank.R2>([width, width]);
  const weights: FrozenWeights = { get: () => zero, dispose: () => undefined };
  const identity = tf.eye(width);
  const dropout = draw && { rate: 0.3, seed: 1, step: 1, microStep: 0, ...draw };
  const linear = loraLinear(
    weights,
    [layer(0), layer(1)],
    [identity, identity, identity, identity],
    1,
    dropout,
  );
  const output = linear(tf.ones<tf.Rank.R2>([rows, width]), `layer.${target}`);
  return await output.data<"float32">();
}

describe("the dropout mask", () => {
  test.each([0.05, 0.3, 0.9])(
    "a dropout mask at rate %f zeroes that share and scales the rest",
    async (rate) => {
      const mask = await maskOf({ rate });
      const kept = Math.fround(1 / (1 - rate));
      expect([...new Set(mask)].toSorted((a, b) => a - b)).toEqual([0, kept]);
      const zeros = mask.filter((value) => value === 0).length / mask.length;
      const error = Math.sqrt((rate * (1 - rate)) / mask.length);
      expect(Math.abs(zeros - rate)).toBeLessThan(4 * error);
    },
  );

  test("a dropout mask is all ones without dropout", async () => {
    expect(await maskOf(null)).toEqual(new Float32Array(rows * width).fill(1));
  });

  test("a dropout mask depends on seed, step, micro-step and module alone", async () => {
    const masks = await Promise.all([
      maskOf({}),
      maskOf({ seed: 2 }),
      maskOf({ step: 2 }),
      maskOf({ microStep: 1 }),
      maskOf({}, 1),
    ]);
    expect(new Set(masks.map(String)).size).toBe(5);
    expect(await maskOf({})).toEqual(masks[0]);
  });
});

describe("a step of the engine with dropout", () => {
  let golden: Golden;
  let engine: TfjsEngine;

  beforeAll(async () => {
    golden = await openGolden(
      "gqa-untied",
      async (path) => new Blob([await readFile(new URL(`../../golden/${path}`, import.meta.url))]),
    );
    engine = await goldenEngine(golden, await openMachine("cpu"), 0.3);
    return () => {
      engine.dispose();
    };
  });

  /** The loss of a step made from the golden's start, with as many copies of one micro-batch. */
  async function lossOf(given: Partial<StepHyper> = {}, copies = 1): Promise<number> {
    const { steps, hyper } = golden.run;
    engine.writeState(golden.initial);
    const batch = toBatch(steps[0]!.microBatches[0]!);
    const { lossSum } = await engine.step(
      Array.from({ length: copies }, () => batch),
      {
        ...hyper,
        step: 5,
        learningRate: 0.01,
        seed: 1,
        ...given,
      },
    );
    return lossSum;
  }

  test("a step with dropout repeats its loss exactly and changes it with another step or seed", async () => {
    const loss = await lossOf();
    expect(await lossOf()).toBe(loss);
    expect(await lossOf({ step: 6 })).not.toBe(loss);
    expect(await lossOf({ seed: 2 })).not.toBe(loss);
  });

  test("a step with dropout draws another mask for each micro-batch", async () => {
    const loss = await lossOf();
    const twice = await lossOf({}, 2);
    expect(Math.abs(twice - 2 * loss) / loss).toBeGreaterThan(1e-4);
  });

  test("a step with dropout has another loss than the evaluation, which drops nothing", async () => {
    const loss = await lossOf({ learningRate: 0 });
    const batch = toBatch(golden.run.steps[0]!.microBatches[0]!);
    const dry = await goldenEngine(golden, await openMachine("cpu"), 0);
    const { lossSum } = await engine.evaluate(batch);
    expect(lossSum).toBe((await dry.evaluate(batch)).lossSum);
    expect(Math.abs(lossSum - loss)).toBeGreaterThan(1e-4);
    dry.dispose();
  });
});
