// The compiled engine against the reference engine: every gradient of a step, curves of twenty; and
// against itself, bit for bit.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { TokenBatch } from "../../../src/data/batching/batch.ts";
import type { MemoryChoice } from "../../../src/engine/webgpu/memory-choice.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { relativeError, stateError } from "../../support/golden.ts";
import { madeUpBatch, madeUpConfig } from "../../support/made-up-model.ts";
import {
  batchesOf,
  compiledOf,
  hyper,
  length,
  referenceOf,
  train,
  type Curve,
  type Setting,
} from "../../support/two-engines.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";

const all: LoraConfig = { rank: 8, alpha: 16, dropout: 0, targetModules: [...allTargetModules] };
const apart = [[24], [17], [9]];
const keepAll: MemoryChoice = { rowsPerPass: 3, keptLayers: 2 };

const settings: Setting[] = [
  {
    name: "MHA, tied head, all kept",
    config: madeUpConfig(),
    lora: all,
    rows: apart,
    microBatches: 1,
    memoryChoice: keepAll,
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
    memoryChoice: keepAll,
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
    memoryChoice: { rowsPerPass: 3, keptLayers: 0 },
  },
  {
    name: "four micro-batches, a row at a time, q and v only",
    config: madeUpConfig({ numKeyValueHeads: 2, vocabSize: 130 }),
    lora: { ...all, rank: 3, targetModules: ["q_proj", "v_proj"] },
    rows: apart,
    microBatches: 4,
    memoryChoice: { rowsPerPass: 1, keptLayers: 1 },
  },
  {
    name: "dropout, two micro-batches in two passes each, recomputed",
    config: madeUpConfig({ intermediateSize: 44 }),
    lora: { ...all, dropout: 0.25 },
    rows: apart,
    microBatches: 2,
    memoryChoice: { rowsPerPass: 2, keptLayers: 0 },
  },
  {
    name: "five layers, the highest kept, every third input of the others, dropout",
    config: madeUpConfig({ numKeyValueHeads: 2, numHiddenLayers: 5 }),
    lora: { ...all, dropout: 0.1 },
    rows: apart,
    microBatches: 1,
    memoryChoice: { rowsPerPass: 3, keptLayers: 1, layersPerInput: 3 },
  },
];

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

const compiled = (setting: Setting) => compiledOf(setting, opened);

describe.each(settings)("$name", (setting) => {
  let curve: Curve;

  test("the compiled engine's gradients and twenty losses follow the reference engine's", async () => {
    const expected = await train(await referenceOf(setting), setting);
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

  test("kept and recomputed activations and inputs give the same bits", async () => {
    const { config, memoryChoice } = setting;
    const keptLayers = memoryChoice.keptLayers === 0 ? config.numHiddenLayers : 0;
    const other = await compiled({ ...setting, memoryChoice: { ...memoryChoice, keptLayers } });
    expect(await train(other, setting)).toEqual(curve);
    other.dispose();
  });
});

test("a run with dropout moved to a new device halfway gives the bits of a run on one device", async () => {
  const setting = settings[4] as Setting;
  const engine = await compiled(setting);
  const curve = await train(engine, setting);
  engine.dispose();
  const before = await openDevice(navigator.gpu);
  const half = await compiledOf(setting, before);
  const begun = await train(half, setting, 1, 10);
  half.dispose();
  before.device.destroy();
  const after = await openDevice(navigator.gpu);
  const rest = await compiledOf(setting, after);
  rest.writeState(begun.last);
  const ended = await train(rest, setting, 11, 20);
  expect([...begun.losses, ...ended.losses]).toEqual(curve.losses);
  expect(ended.last).toEqual(curve.last);
  expect([before.fault(), after.fault()]).toEqual([null, null]);
  after.device.destroy();
});

test("packed segments have the same loss as their examples in separate rows", async () => {
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
      weights: null,
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

test("a step that is not finite leaves the adapter and the next step unchanged", async () => {
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
