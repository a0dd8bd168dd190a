// Layers that take turns in the memory of two: the bits of a run with all weights on the device,
// what is read for it, and how it ends early.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine, SamplingOptions } from "../../../src/engine/contract.ts";
import { createWebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import type { WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import type { MemoryChoice } from "../../../src/engine/webgpu/memory-choice.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import { targetModulesOf } from "../../../src/model/tensors.ts";
import type { WeightChoice, WeightStore } from "../../../src/model/weights/store.ts";
import { UserError } from "../../../src/util/errors.ts";
import { madeUpAdapter, madeUpConfig, madeUpWeights } from "../../support/made-up-model.ts";
import { batchesOf, hyper, length, train, type Setting } from "../../support/two-engines.ts";

const config = madeUpConfig({
  numKeyValueHeads: 2,
  numHiddenLayers: 5,
  hiddenSize: 64,
  intermediateSize: 128,
  headDim: 16,
  tieWordEmbeddings: false,
  hasQkvBias: true,
});
const resident: Setting = {
  name: "five layers",
  config,
  lora: { rank: 4, alpha: 8, dropout: 0.1, targetModules: targetModulesOf(config) },
  rows: [[24], [17]],
  microBatches: 2,
  memoryChoice: { rowsPerPass: 2, keptLayers: 0 },
};
const q4: WeightChoice = { format: "q4", groupSize: 32 };

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

/** Counts what is read of each layer after the engine is open. */
function counting(store: WeightStore) {
  const reads = new Map<number, number>();
  const fault: { next: Error | null } = { next: null };
  const counted: WeightStore = {
    ...store,
    parts(name, signal) {
      const { next } = fault;
      fault.next = null;
      if (next !== null) {
        throw next;
      }
      const [, layer] = /layers\.(\d+)\.input_layernorm/.exec(name) ?? [];
      if (layer !== undefined) {
        reads.set(Number(layer), (reads.get(Number(layer)) ?? 0) + 1);
      }
      return store.parts(name, signal);
    },
  };
  return { store: counted, reads, fault };
}

async function open(memoryChoice: MemoryChoice, weights = madeUpWeights(config, q4)) {
  const engine = await createWebGpuEngine({
    opened,
    config,
    lora: resident.lora,
    shape: { rows: resident.rows.length, length },
    memoryChoice,
    weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(madeUpAdapter(config, resident.lora));
  return engine;
}

const options: SamplingOptions = {
  maxNewTokens: 12,
  temperature: 0.9,
  topP: 0.95,
  seed: 1,
  stopTokens: [],
  useAdapter: true,
};
const prompt = Array.from({ length: 70 }, (_, place) => (place * 37 + 5) % 97);

async function tokensOf(engine: Engine, given: Partial<SamplingOptions> = {}) {
  const tokens: number[] = [];
  for await (const token of engine.generate(prompt, { ...options, ...given })) {
    tokens.push(token);
  }
  return tokens;
}

async function seenOf(engine: WebGpuEngine) {
  const [batch] = batchesOf(resident, 9);
  const curve = await train(engine, resident, 1, 5);
  return {
    curve,
    heldOut: [await engine.evaluate(batch!), await engine.evaluate(batch!, false)],
    tokens: [await tokensOf(engine), await tokensOf(engine, { useAdapter: false })],
    logits: await engine.nextLogits(prompt, true),
  };
}

describe.each([
  ["all inputs kept", { rowsPerPass: 2, keptLayers: 0, isStreamed: true }],
  ["a row at a time, few inputs", { rowsPerPass: 1, keptLayers: 0, layersPerInput: 3 }],
  ["two layers kept", { rowsPerPass: 2, keptLayers: 2 }],
] as [string, MemoryChoice][])("streamed, %s", (_, choice) => {
  test("losses, adapter, held-out losses, answers and logits have the bits of a resident run", async () => {
    const [whole, streamed] = [
      await open({ ...choice, isStreamed: false }),
      await open({ ...choice, isStreamed: true }),
    ];
    expect(await seenOf(streamed)).toEqual(await seenOf(whole));
    expect(streamed.planned.weightsBytes).toBeLessThan(whole.planned.weightsBytes);
    const { plannedBytes, allocatedBytes } = streamed.memory();
    expect(allocatedBytes).toBe(plannedBytes);
    whole.dispose();
    streamed.dispose();
    expect(streamed.memory().allocatedBytes).toBe(0);
  });
});

test("a step reads each layer once forward and once backward, but the two that are still there", async () => {
  const { store, reads } = counting(madeUpWeights(config, q4));
  const engine = await open({ ...resident.memoryChoice, isStreamed: true }, store);
  expect(reads.size).toBe(0);
  await engine.step(batchesOf({ ...resident, microBatches: 1 }, 1), hyper(1));
  expect(Object.fromEntries(reads)).toEqual({ 0: 2, 1: 2, 2: 2, 3: 1, 4: 1 });
  await engine.step(batchesOf({ ...resident, microBatches: 1 }, 2), hyper(2));
  // Layers 0 and 1 are there from the step before.
  expect(Object.fromEntries(reads)).toEqual({ 0: 3, 1: 3, 2: 4, 3: 2, 4: 2 });
  engine.dispose();
});

test("a store that fails in a step ends it with its error, and the next step has the right bits", async () => {
  const { store, fault } = counting(madeUpWeights(config, q4));
  const engine = await open({ ...resident.memoryChoice, isStreamed: true }, store);
  const state = await engine.readState();
  fault.next = new UserError("missing-file", "The stored model is gone.", { remedy: "Choose it." });
  await expect(engine.step(batchesOf(resident, 1), hyper(1))).rejects.toThrow("model is gone");
  engine.writeState(state);
  const whole = await open(resident.memoryChoice);
  const [batch] = batchesOf(resident, 9);
  expect(await engine.evaluate(batch!)).toEqual(await whole.evaluate(batch!));
  expect(await engine.nextLogits(prompt, true)).toEqual(await whole.nextLogits(prompt, true));
  engine.dispose();
  whole.dispose();
});

test("a step within an answer waits for a portion of it, and ends the answer with an error", async () => {
  const engine = await open({ ...resident.memoryChoice, isStreamed: true });
  const whole = await open(resident.memoryChoice);
  await tokensOf(engine); // compiles
  const answer = engine.generate(prompt, options)[Symbol.asyncIterator]();
  const first = answer.next();
  await new Promise((resolve) => setTimeout(resolve));
  const step = engine.step(batchesOf(resident, 1), hyper(1));
  expect((await first).value).toBe((await tokensOf(whole))[0]);
  expect(await step).toEqual(await whole.step(batchesOf(resident, 1), hyper(1)));
  await expect(answer.next()).rejects.toThrow("other work ran before an answer's end");
  expect(await engine.readState()).toEqual(await whole.readState());
  engine.dispose();
  whole.dispose();
});

test("an engine that is disposed of in a step ends it with an AbortError", async () => {
  const engine = await open({ ...resident.memoryChoice, isStreamed: true });
  const step = engine.step(batchesOf(resident, 1), hyper(1));
  await Promise.resolve();
  engine.dispose();
  await expect(step).rejects.toMatchObject({ name: "AbortError" });
  expect(engine.memory().allocatedBytes).toBe(0);
});
