// Rows of very different length, computed end to end, against the same rows with all their padding
// computed: losses, adapter and evaluation; against themselves, bit for bit.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { TokenBatch } from "../../../src/data/batching/batch.ts";
import type { StepHyper } from "../../../src/engine/contract.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { passesOf, passTokens } from "../../../src/engine/webgpu/passes.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { installGpuMeter } from "../../../tools/bench/gpu-meter.ts";
import { relativeError, stateError } from "../../support/golden.ts";
import {
  madeUpAdapter,
  madeUpBatch,
  madeUpConfig,
  madeUpWeights,
} from "../../support/made-up-model.ts";
import { hyper as usualHyper } from "../../support/two-engines.ts";

const config = madeUpConfig({ numKeyValueHeads: 2, vocabSize: 130 });
const length = 96;
const steps = 10;
/** Tokens of the rows of each step: a tile and one more, rows all full, a single one. */
const lengths = [
  [96, 3, 41, 7],
  [60, 4],
  [60, 5],
  [2, 2, 2, 2],
  [96, 96, 96, 96],
  [1, 80, 9, 30],
  [90, 90, 76],
  [90, 90, 77],
  [70],
  [5, 96, 88, 77],
];
const batchOf = (step: number): TokenBatch => {
  const own = lengths[(step - 1) % lengths.length] ?? [];
  const rows = Array.from({ length: 4 }, (_, row) => own[row] ?? 0);
  return madeUpBatch(
    config,
    rows.map((tokens) => (tokens === 0 ? [] : [tokens])),
    length,
    step,
  );
};

/** The padding as a segment of its own that is not trained: every place is computed. */
function padded(batch: TokenBatch): TokenBatch {
  return { ...batch, segments: batch.segments.map((segment) => (segment === 0 ? 99 : segment)) };
}

/** AdamW with an epsilon above the rounding of a gradient near zero, which it would scale up. */
const hyper = (step: number): StepHyper => ({ ...usualHyper(step), epsilon: 1e-4 });

let opened: OpenDevice;
const meter = installGpuMeter();

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

interface Given {
  dropout?: number;
  /** Rows that the longest pass holds. */
  rowsPerPass?: number;
  /** Rows of a micro-batch. */
  rows?: number;
}

const loraOf = (dropout: number): LoraConfig => {
  return { rank: 8, alpha: 16, dropout, targetModules: [...allTargetModules] };
};

async function engineOf({ dropout = 0, rows = 4, rowsPerPass = rows }: Given, device = opened) {
  const lora = loraOf(dropout);
  const engine = await createWebGpuEngine({
    ...{ opened: device, config, lora },
    shape: { rows, length },
    weights: madeUpWeights(config),
    memoryChoice: { rowsPerPass, keptLayers: 1 },
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

async function train(
  engine: WebGpuEngine,
  from = 1,
  until = steps,
  of: (batch: TokenBatch) => TokenBatch = (batch) => batch,
) {
  const losses: number[] = [];
  for (let step = from; step <= until; step++) {
    const { lossSum } = await engine.step([of(batchOf(step))], hyper(step));
    losses.push(lossSum);
  }
  return { losses, last: await engine.readState() };
}

describe.each([
  ["in one pass, with dropout", { dropout: 0.25 }],
  ["a row of the longest length at a time", { rowsPerPass: 1 }],
] as [string, Given][])("rows without padding %s", (_, given) => {
  let flat: Awaited<ReturnType<typeof train>>;

  test("ten steps have the losses and the adapter of the same rows with padding computed", async () => {
    const engine = await engineOf(given);
    const full = await engineOf(given);
    flat = await train(engine);
    const expected = await train(full, 1, steps, padded);
    expect(relativeError(flat.losses, expected.losses)).toBeLessThan(1e-6);
    expect(stateError(flat.last, expected.last, "values")).toBeLessThan(1e-5);
    expect(stateError(flat.last, expected.last, "moment1")).toBeLessThan(1e-5);
    engine.dispose();
    full.dispose();
  });

  test("a run resumed in its middle on another device has the bits of the run in one piece", async () => {
    const half = await engineOf(given);
    const begun = await train(half, 1, 5);
    half.dispose();
    const device = await openDevice(navigator.gpu);
    const rest = await engineOf(given, device);
    rest.writeState(begun.last);
    const ended = await train(rest, 6);
    expect([...begun.losses, ...ended.losses]).toEqual(flat.losses);
    expect(ended.last).toEqual(flat.last);
    rest.dispose();
    expect(device.fault()).toBeNull();
    device.device.destroy();
  });
});

test("evaluation without padding has the loss of the same rows with padding computed", async () => {
  const engine = await engineOf({});
  for (let step = 1; step <= steps; step++) {
    for (const useAdapter of [true, false]) {
      const { lossSum } = await engine.evaluate(batchOf(step), useAdapter);
      const full = await engine.evaluate(padded(batchOf(step)), useAdapter);
      expect(relativeError([lossSum], [full.lossSum])).toBeLessThan(1e-6);
    }
  }
  engine.dispose();
});

test("rows that see the row before them have another loss", async () => {
  const engine = await engineOf({});
  const apart = madeUpBatch(config, [[60], [60]], length, 1);
  const joined = { ...apart, rows: 1, length: 2 * length };
  const { lossSum } = await engine.evaluate(apart);
  expect(relativeError([(await engine.evaluate(joined)).lossSum], [lossSum])).toBeGreaterThan(1e-3);
  engine.dispose();
});

test("the bits of a run do not depend on how long its longest pass may be", async () => {
  const [four, nine] = [
    await engineOf({ dropout: 0.25 }),
    await engineOf({ dropout: 0.25, rows: 9 }),
  ];
  expect(await train(nine)).toEqual(await train(four));
  const evaluated = async (engine: WebGpuEngine) => (await engine.evaluate(batchOf(1))).lossSum;
  expect(await evaluated(nine)).toBe(await evaluated(four));
  four.dispose();
  nine.dispose();
});

test("steps of every length compute their tokens' tiles, in the planned bytes, and make no object", async () => {
  const engine = await engineOf({ dropout: 0.25 });
  await engine.step([batchOf(5)], hyper(1));
  await engine.evaluate(batchOf(5));
  const { plannedBytes, allocatedBytes } = engine.memory();
  expect(allocatedBytes).toBe(plannedBytes);
  const liveBytes = meter.liveBytes();
  for (let step = 1; step <= steps; step++) {
    const batch = batchOf(step);
    const counted = await meter.count(async () => {
      await engine.step([batch], hyper(step));
      await engine.evaluate(batch);
    });
    expect(counted.objectsCreated, `step ${step}`).toBe(0);
  }
  expect(meter.liveBytes()).toBe(liveBytes);
  expect(engine.memory()).toEqual({ plannedBytes, allocatedBytes });
  const computed = lengths.map((_, index) =>
    passesOf(batchOf(index + 1), 4 * length).map(({ tokens }) => passTokens(tokens, 4 * length)),
  );
  expect(computed).toEqual(
    [192, 64, 128, 64, 384, 128, 256, 320, 128, 320].map((tokens) => [tokens]),
  );
  engine.dispose();
  expect(engine.memory().allocatedBytes).toBe(0);
});
