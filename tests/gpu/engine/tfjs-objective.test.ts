// Objectives in tfjs ops between the halves of the compiled pass: the kernel's numbers, the
// reference's curve, nothing copied out.
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { Engine, StepHyper, StepMetrics } from "../../../src/engine/contract.ts";
import { labelSmoothing } from "../../../src/engine/label-smoothing.ts";
import type { Objective } from "../../../src/engine/objective.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { TfjsBridge } from "../../../src/engine/tfjs/tfjs-bridge.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { relativeError, stateError } from "../../support/golden.ts";
import {
  madeUpAdapter,
  madeUpBatch,
  madeUpConfig,
  madeUpWeights,
} from "../../support/made-up-model.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";

const lora: LoraConfig = { rank: 4, alpha: 8, dropout: 0, targetModules: [...allTargetModules] };
// 240 tokens are chunks of 128 and 112 supervised rows at most.
const length = 24;
const rows = 10;
/** With pad columns of logits, and a layer whose activations wait while tfjs computes. */
const padded = madeUpConfig({ vocabSize: 97, tieWordEmbeddings: false, numHiddenLayers: 1 });

/** 150 supervised rows, which reach into the second chunk, or 50, which do not. */
const batchOf = (config: ModelConfig, step: number) =>
  madeUpBatch(config, Array<number[]>(rows).fill([step % 2 === 0 ? 24 : 8]), length, step);

const hyper = (step: number): StepHyper => ({
  step,
  learningRate: 2e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 0,
  seed: 11,
});

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

const common = (config: ModelConfig) => ({
  config,
  lora,
  shape: { rows, length },
  weights: madeUpWeights(config),
  progress: () => undefined,
  signal: new AbortController().signal,
});

async function compiled(
  config: ModelConfig,
  objective: Objective | null = null,
): Promise<WebGpuEngine> {
  const engine = await createWebGpuEngine({
    ...common(config),
    opened,
    memoryChoice: { rowsPerPass: rows, keptLayers: 1 },
    objective,
  });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

async function train(engine: Engine, steps: number): Promise<StepMetrics[]> {
  const curve: StepMetrics[] = [];
  for (let step = 1; step <= steps; step++) {
    curve.push(await engine.step([batchOf(padded, step)], hyper(step)));
  }
  return curve;
}

const lossSums = (curve: StepMetrics[]) => curve.map(({ lossSum }) => lossSum);
const gradNorms = (curve: StepMetrics[]) => curve.map(({ gradNorm }) => gradNorm);

test.each([
  padded,
  madeUpConfig({ vocabSize: 128 }),
  { ...padded, logitSoftcap: 1.5 },
  madeUpConfig({ vocabSize: 128, logitSoftcap: 1.5 }),
])(
  "cross-entropy in tfjs ops has the loss and the gradients of the kernel, $vocabSize tokens, cap $logitSoftcap",
  async (config) => {
    const [kernel, ops] = [await compiled(config), await compiled(config, labelSmoothing(0))];
    const batches = [batchOf(config, 0), batchOf(config, 1)];
    expect(batches.map((batch) => batch.supervisedTokens)).toEqual([150, 50]);
    const expected = await kernel.step(batches, hyper(1));
    const actual = await ops.step(batches, hyper(1));
    expect(relativeError([actual.lossSum], [expected.lossSum])).toBeLessThan(2e-6);
    expect(relativeError([actual.gradNorm], [expected.gradNorm])).toBeLessThan(2e-5);
    const [own, other] = [await ops.readState(), await kernel.readState()];
    expect(stateError(own, other, "moment1")).toBeLessThan(2e-5);
    kernel.dispose();
    ops.dispose();
  },
);

test("ten steps with label smoothing follow the reference engine, and held-out loss stays cross-entropy", async () => {
  const objective = labelSmoothing(0.1);
  const reference = await createTfjsEngine({
    ...common(padded),
    machine: await openMachine("cpu"),
    objective,
  });
  reference.writeState(madeUpAdapter(padded, lora));
  const heldOut = batchOf(padded, 50);
  const expected = await train(reference, 10);
  const expectedHeldOut = await reference.evaluate(heldOut);
  const expectedState = await reference.readState();
  reference.dispose();

  const engine = await compiled(padded, objective);
  const actual = await train(engine, 10);
  expect(relativeError(lossSums(actual), lossSums(expected))).toBeLessThan(2e-5);
  expect(relativeError(gradNorms(actual), gradNorms(expected))).toBeLessThan(2e-4);
  expect(stateError(await engine.readState(), expectedState, "values")).toBeLessThan(2e-4);
  const { lossSum } = await engine.evaluate(heldOut);
  expect(relativeError([lossSum], [expectedHeldOut.lossSum])).toBeLessThan(2e-5);
  engine.writeState(madeUpAdapter(padded, lora));
  expect(await train(engine, 10)).toEqual(actual);
  engine.dispose();

  const plain = await compiled(padded);
  expect(
    relativeError(gradNorms(await train(plain, 1)), gradNorms(expected).slice(0, 1)),
  ).toBeGreaterThan(0.05);
  plain.dispose();
});

test("twenty steps with an objective allocate no logits, leak no tensor and need no more memory", async () => {
  const engine = await compiled(padded, labelSmoothing(0.1));
  await train(engine, 2);
  const made = vi.spyOn(opened.device, "createBuffer");
  const [tensors, bytes] = [tf.memory().numTensors, engine.memory().allocatedBytes];
  await train(engine, 20);
  // tfjs uploads the numbers of the smoothing and the gradient of a sum, ones for 128 and 112 rows,
  // and drops what it staged them in. 51,200 bytes are logits.
  const sizes = new Set(made.mock.calls.map(([{ size }]) => size));
  expect([...sizes].toSorted((a, b) => a - b)).toEqual([4, 448, 512]);
  expect(tf.memory().numTensors).toBe(tensors);
  expect(engine.memory().allocatedBytes).toBe(bytes);
  made.mockRestore();
  engine.dispose();
  expect(engine.memory().allocatedBytes).toBe(0);
});

test.each([
  [4096, null],
  [4097, null],
  [4096, 30],
  [4097, 30],
])(
  "the memory that tfjs uses for %i tokens, cap %o, is planned for",
  async (vocabSize, logitSoftcap) => {
    const config = { ...padded, vocabSize, logitSoftcap };
    const engine = await compiled(config, labelSmoothing(0.1));
    await engine.step([batchOf(config, 0)], hyper(1));
    const { plannedBytes, allocatedBytes } = engine.memory();
    expect(allocatedBytes / plannedBytes).toBeGreaterThan(0.9);
    expect(allocatedBytes / plannedBytes).toBeLessThan(1.01);
    engine.dispose();
  },
);

test("a tfjs tensor over a GPU buffer shares its memory in both directions", async () => {
  const bridge = await TfjsBridge.open(opened);
  const { COPY_DST, COPY_SRC, STORAGE } = GPUBufferUsage;
  const usage = COPY_DST | COPY_SRC | STORAGE;
  const [from, to] = [0, 1].map(() => opened.device.createBuffer({ size: 16, usage }));
  const { queue } = opened.device;
  const source = bridge.tensorOver<tf.Rank.R1>(from!, [4], "float32");
  const target = bridge.tensorOver<tf.Rank.R1>(to!, [4], "float32");
  queue.writeBuffer(from!, 0, Float32Array.of(1, 2, 3, 4));
  expect([...(await source.data())]).toEqual([1, 2, 3, 4]);
  queue.writeBuffer(from!, 0, Float32Array.of(4, 5, 6, 7));
  bridge.forgetRead(source);
  expect([...(await source.data())]).toEqual([4, 5, 6, 7]);
  const squares = bridge.compute(() => tf.square(tf.slice(source, 0, 3)));
  bridge.copyTo([{ tensor: squares, buffer: to!, offsetBytes: 4 }]);
  expect([...(await target.data())]).toEqual([0, 16, 25, 36]);
  bridge.copyTo([{ tensor: tf.tensor1d([7]), buffer: to!, offsetBytes: 0 }]);
  bridge.forgetRead(target);
  expect([...(await target.data())]).toEqual([7, 16, 25, 36]);
  tf.dispose([source, target, squares]);
  queue.writeBuffer(from!, 0, Float32Array.of(1)); // still there
  await openMachine("cpu");
  expect(() => bridge.compute(() => tf.scalar(1))).toThrow(/another backend/);
  bridge.close();
  from!.destroy();
  to!.destroy();
});
