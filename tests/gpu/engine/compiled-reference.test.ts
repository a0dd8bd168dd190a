// The compiled engine against the reference engine: every gradient of a step, curves of twenty; and against itself, bit for bit.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { TokenBatch } from "../../../src/data/batch.ts";
import type { Engine, StepHyper } from "../../../src/engine/contract.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import type { Economy } from "../../../src/engine/webgpu/design.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice, type OpenDevice } from "../../../src/gpu/device.ts";
import { openMachine } from "../../../src/gpu/machine.ts";
import type { ModelConfig } from "../../../src/model/config.ts";
import { allTargetModules } from "../../../src/train/recipe.ts";
import { relativeError, stateError } from "../../support/golden.ts";
import {
  madeUpAdapter,
  madeUpBatch,
  madeUpConfig,
  madeUpWeights,
} from "../../support/made-up-model.ts";

interface Setting {
  name: string;
  config: ModelConfig;
  lora: LoraConfig;
  /** Lengths of the segments of each row of a micro-batch. */
  rows: number[][];
  microBatches: number;
  economy: Economy;
}

const length = 24;
const all: LoraConfig = { rank: 8, alpha: 16, dropout: 0, targetModules: [...allTargetModules] };
const apart = [[24], [17], [9]];
const keepAll: Economy = { rowsPerPass: 3, keptLayers: 2 };

const settings: Setting[] = [
  {
    name: "MHA, tied head, all kept",
    config: madeUpConfig(),
    lora: all,
    rows: apart,
    microBatches: 1,
    economy: keepAll,
  },
  {
    name: "GQA, untied head, wide heads, one layer recomputed",
    config: madeUpConfig({
      numKeyValueHeads: 2,
      headDim: 12,
      tieWordEmbeddings: false,
      numHiddenLayers: 3,
    }),
    lora: { ...all, rank: 6, alpha: 6 },
    rows: apart,
    microBatches: 1,
    economy: keepAll,
  },
  {
    name: "packed segments, all recomputed",
    config: madeUpConfig({ numKeyValueHeads: 1, tieWordEmbeddings: false }),
    lora: all,
    rows: [
      [10, 14],
      [5, 6, 7],
      [20, 4],
    ],
    microBatches: 1,
    economy: { rowsPerPass: 3, keptLayers: 0 },
  },
  {
    name: "four micro-batches, a row at a time, q and v only",
    config: madeUpConfig({ numKeyValueHeads: 2, vocabSize: 130 }),
    lora: { ...all, rank: 3, targetModules: ["q_proj", "v_proj"] },
    rows: apart,
    microBatches: 4,
    economy: { rowsPerPass: 1, keptLayers: 1 },
  },
  {
    name: "dropout, two micro-batches in two passes each, recomputed",
    config: madeUpConfig({ intermediateSize: 44 }),
    lora: { ...all, dropout: 0.25 },
    rows: apart,
    microBatches: 2,
    economy: { rowsPerPass: 2, keptLayers: 0 },
  },
];

const hyper = (step: number): StepHyper => ({
  step,
  learningRate: 2e-3 * Math.min(1, step / 5),
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: step === 1 ? 0 : 1,
  seed: 11,
});

function batchesOf({ config, rows, microBatches }: Setting, step: number): TokenBatch[] {
  return Array.from({ length: microBatches }, (_, index) =>
    madeUpBatch(config, rows, length, 100 * (step % 4) + index),
  );
}

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

async function compiled(
  { config, lora, rows, economy }: Setting,
  on: OpenDevice = opened,
): Promise<WebGpuEngine> {
  const engine = await createWebGpuEngine({
    opened: on,
    config,
    lora,
    shape: { rows: rows.length, length },
    economy,
    weights: madeUpWeights(config),
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

async function reference({ config, lora, rows }: Setting): Promise<Engine> {
  const engine = await createTfjsEngine({
    machine: await openMachine("cpu"),
    config,
    lora,
    shape: { rows: rows.length, length },
    weights: madeUpWeights(config),
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

interface Curve {
  losses: number[];
  gradNorms: number[];
  /** After the first step, whose first moments are a tenth of the gradients. */
  first: AdapterState;
  last: AdapterState;
}

async function train(engine: Engine, setting: Setting, from = 1, until = 20): Promise<Curve> {
  const curve: Omit<Curve, "last"> = { losses: [], gradNorms: [], first: { tensors: [] } };
  for (let step = from; step <= until; step++) {
    const { lossSum, supervisedTokens, gradNorm } = await engine.step(
      batchesOf(setting, step),
      hyper(step),
    );
    curve.losses.push(lossSum / supervisedTokens);
    curve.gradNorms.push(gradNorm);
    if (step === from) {
      curve.first = await engine.readState();
    }
  }
  return { ...curve, last: await engine.readState() };
}

describe.each(settings)("$name", (setting) => {
  let curve: Curve;

  test("every gradient of a step and twenty losses are the reference engine's", async () => {
    const expected = await train(await reference(setting), setting);
    const engine = await compiled(setting);
    curve = await train(engine, setting);
    expect(stateError(curve.first, expected.first, "moment1")).toBeLessThan(2e-5);
    expect(relativeError(curve.losses, expected.losses)).toBeLessThan(2e-5);
    expect(relativeError(curve.gradNorms, expected.gradNorms)).toBeLessThan(2e-4);
    expect(stateError(curve.last, expected.last, "values")).toBeLessThan(1e-3);
    expect(expected.losses.at(-1)).toBeLessThan(expected.losses[0] ?? 0);
    engine.dispose();
    expect(engine.memory().allocatedBytes).toBe(0);
  });

  test("kept or recomputed activations give the same bits", async () => {
    const { config, economy } = setting;
    const keptLayers = economy.keptLayers === 0 ? config.numHiddenLayers : 0;
    const other = await compiled({ ...setting, economy: { ...economy, keptLayers } });
    expect(await train(other, setting)).toEqual(curve);
    other.dispose();
  });
});

test("a run on two devices, dropout on, gives the bits of a run on one, and so does that run again", async () => {
  const setting = settings[4] as Setting;
  const engine = await compiled(setting);
  const curve = await train(engine, setting);
  engine.dispose();
  const before = await openDevice(navigator.gpu);
  const half = await compiled(setting, before);
  const begun = await train(half, setting, 1, 10);
  half.dispose();
  before.device.destroy();
  const after = await openDevice(navigator.gpu);
  const rest = await compiled(setting, after);
  rest.writeState(begun.last);
  const ended = await train(rest, setting, 11, 20);
  expect([...begun.losses, ...ended.losses]).toEqual(curve.losses);
  expect(ended.last).toEqual(curve.last);
  expect([before.fault(), after.fault()]).toEqual([null, null]);
  after.device.destroy();
});

test("packed segments have the loss of the same examples in rows of their own", async () => {
  const setting = settings[2] as Setting;
  const packed = madeUpBatch(setting.config, [[10, 14]], length, 7);
  const separate = [
    [0, 10],
    [10, 24],
  ].map(([from = 0, end = 0]): TokenBatch => {
    const cut = (values: Int32Array, rest: number) => {
      const row = new Int32Array(length).fill(rest);
      row.set(values.subarray(from, end));
      return row;
    };
    const targets = cut(packed.targets, -100);
    return {
      rows: 1,
      length,
      tokens: cut(packed.tokens, 0),
      positions: cut(packed.positions, 0),
      segments: cut(packed.segments, 0).map((segment) => Math.min(segment, 1)),
      targets,
      supervisedTokens: targets.filter((target) => target !== -100).length,
    };
  });
  const engine = await compiled(setting);
  const whole = await engine.evaluate(packed);
  let sum = 0;
  for (const batch of separate) {
    sum += (await engine.evaluate(batch)).lossSum;
  }
  expect(relativeError([whole.lossSum], [sum])).toBeLessThan(1e-6);
  engine.dispose();
});

test("a step that is not finite changes nothing, and the next one is as if it had not been", async () => {
  const setting = settings[0] as Setting;
  const engine = await compiled(setting);
  const before = await engine.readState();
  const poisoned = structuredClone(before);
  poisoned.tensors[0]?.values.fill(3e38);
  engine.writeState(poisoned);
  await expect(engine.step(batchesOf(setting, 1), hyper(1))).rejects.toThrow(/Step 1 gave/);
  expect(await engine.readState()).toEqual(poisoned);
  engine.writeState(before);
  const { lossSum } = await engine.step(batchesOf(setting, 1), hyper(1));
  const fresh = await compiled(setting);
  expect((await fresh.step(batchesOf(setting, 1), hyper(1))).lossSum).toBe(lossSum);
  expect(await fresh.readState()).toEqual(await engine.readState());
  engine.dispose();
  fresh.dispose();
});
