// Every feature that a model's description can name, alone and as the architectures put them
// together: the compiled engine has the reference engine's gradients, curve, logits and tokens,
// whatever is kept or made again, in exactly the planned bytes.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../../src/engine/contract.ts";
import type { WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import { targetModulesOf } from "../../../src/model/tensors.ts";
import { distance } from "../../support/kernels.ts";
import { relativeError, stateError } from "../../support/golden.ts";
import { madeUpBatch, madeUpConfig } from "../../support/made-up-model.ts";
import {
  compiledOf,
  length,
  referenceOf,
  train,
  type Curve,
  type Setting,
} from "../../support/two-engines.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import type { LayerKind, ModelConfig } from "../../../src/model/config/model-config.ts";

const full: LayerKind = { isSliding: false, hasRope: true };
const sliding: LayerKind = { isSliding: true, hasRope: true };
const still: LayerKind = { isSliding: false, hasRope: false };

const rows = [[24], [10, 14], [9]];
const steps = 12;

interface Given {
  targets?: string[];
  dropout?: number;
  keptLayers?: number;
  rowsPerPass?: number;
}

function setting(name: string, given: Partial<ModelConfig>, own: Given = {}): Setting {
  const config = madeUpConfig({ numKeyValueHeads: 2, ...given });
  const { targets = targetModulesOf(config), dropout = 0, keptLayers = 1, rowsPerPass = 3 } = own;
  return {
    name,
    config,
    lora: { rank: 4, alpha: 8, dropout, targetModules: targets },
    rows,
    microBatches: 1,
    memoryChoice: { rowsPerPass, keptLayers },
  };
}

const sandwich = { hasSandwichNorms: true, normOffset: 1 } as const;
const gemma = { ...sandwich, activation: "gelu-tanh", embeddingScale: Math.sqrt(32) } as const;
const turnsByAnother = { theta: 100, scaling: null };

const features = [
  setting("biases", { hasQkvBias: true }),
  setting("normed heads", { hasQkNorm: true }),
  setting("normed heads, adapters below them alone", { hasQkNorm: true }, { targets: ["k_proj"] }),
  setting("fused projections", { isFused: true }),
  setting("fused projections, one of them adapted", { isFused: true }, { targets: ["qkv_proj"] }),
  setting("fused projections, the other adapted", { isFused: true }, { targets: ["gate_up_proj"] }),
  setting("norms after attention and MLP", { hasSandwichNorms: true }),
  setting("norms on all sides, the output adapted", sandwich, { targets: ["o_proj"] }),
  setting("norms on all sides, the MLP's end adapted", sandwich, { targets: ["down_proj"] }),
  setting("one added to the norms' weights", { normOffset: 1 }),
  setting("GeGLU", { activation: "gelu-tanh" }),
  setting("scaled embeddings and scores", { embeddingScale: 5.65, attentionScale: 0.5 }),
  setting("capped scores", { attentionSoftcap: 0.5 }),
  setting("capped logits", { logitSoftcap: 1.5, tieWordEmbeddings: false }),
  setting("sliding layers", { slidingWindow: 5, layers: [sliding, sliding] }),
  setting("every other layer slides", { slidingWindow: 3, layers: [sliding, full] }),
  setting("sliding layers turn otherwise", {
    slidingWindow: 4,
    layers: [full, sliding],
    slidingRope: turnsByAnother,
  }),
  setting("a layer without turns", { layers: [still, full] }),
  setting("no turns at all", { layers: [still, still] }),
  setting("turns that scale", {
    rope: {
      theta: 10000,
      scaling: {
        kind: "factors",
        factors: [1, 1.5, 2, 4],
        attentionFactor: 1.2,
        originalMaxPositionEmbeddings: 256,
      },
    },
  }),
];

const architectures = [
  setting(
    "as Mistral, dropout",
    { slidingWindow: 7, layers: [sliding, sliding], tieWordEmbeddings: false },
    { dropout: 0.2 },
  ),
  setting(
    "as Qwen2, a row at a time",
    { hasQkvBias: true, numAttentionHeads: 14, hiddenSize: 112, headDim: 8 },
    { rowsPerPass: 1 },
  ),
  setting(
    "as Qwen3, heads wider than the stream, dropout",
    { hasQkNorm: true, headDim: 16, numKeyValueHeads: 4 },
    { dropout: 0.2, keptLayers: 0 },
  ),
  setting(
    "as SmolLM3",
    { layers: [full, still, full], numHiddenLayers: 3, vocabSize: 130 },
    { keptLayers: 2 },
  ),
  setting(
    "as Gemma 2, dropout, a row at a time",
    {
      ...gemma,
      attentionSoftcap: 2,
      logitSoftcap: 3,
      attentionScale: 0.25,
      slidingWindow: 6,
      layers: [sliding, full],
    },
    { dropout: 0.1, rowsPerPass: 1 },
  ),
  setting(
    "as Gemma 3, one key head, all made again",
    {
      ...gemma,
      hasQkNorm: true,
      headDim: 64,
      numKeyValueHeads: 1,
      rope: { theta: 1e6, scaling: { kind: "linear", factor: 8 } },
      slidingRope: turnsByAnother,
      slidingWindow: 5,
      numHiddenLayers: 3,
      layers: [sliding, full, sliding],
    },
    { keptLayers: 0 },
  ),
  setting(
    "as Phi-3, dropout, all kept",
    { isFused: true, slidingWindow: 9, layers: [sliding, sliding], tieWordEmbeddings: false },
    { dropout: 0.2, keptLayers: 2 },
  ),
];

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

const heldOut = (config: ModelConfig) => madeUpBatch(config, rows, length, 77);

/** A prompt longer than a piece of 128 and than every window; the rest is shorter than a piece. */
const promptOf = ({ vocabSize }: ModelConfig) =>
  Array.from({ length: 141 }, (_, place) => (place * 37 + 5) % vocabSize);

async function greedy(engine: Engine, prompt: number[], useAdapter: boolean): Promise<number[]> {
  const options = { maxNewTokens: 9, temperature: 0, topP: 1, seed: 0, stopTokens: [], useAdapter };
  const tokens: number[] = [];
  for await (const token of engine.generate(prompt, options)) {
    tokens.push(token);
  }
  return tokens;
}

describe.each([...features, ...architectures])("$name", (given) => {
  const { config, memoryChoice } = given;
  let engine: WebGpuEngine;
  let curve: Curve;

  test("the compiled engine's gradients, losses, logits and tokens follow the reference engine's", async () => {
    const reference = await referenceOf(given);
    const expected = await train(reference, given, 1, steps);
    engine = await compiledOf(given, opened);
    curve = await train(engine, given, 1, steps);
    expect(stateError(curve.first, expected.first, "moment1")).toBeLessThan(2e-5);
    expect(relativeError(curve.losses, expected.losses)).toBeLessThan(2e-5);
    expect(relativeError(curve.gradNorms, expected.gradNorms)).toBeLessThan(2e-4);
    expect(stateError(curve.last, expected.last, "values")).toBeLessThan(1e-3);
    const losses = await Promise.all(
      [engine, reference].map(async (own) => (await own.evaluate(heldOut(config))).lossSum),
    );
    expect(relativeError([losses[0] ?? NaN], [losses[1] ?? NaN])).toBeLessThan(2e-5);

    engine.writeState(expected.last);
    const prompt = promptOf(config);
    for (const useAdapter of [true, false]) {
      const actual = await engine.nextLogits(prompt, useAdapter);
      expect(distance(actual, await reference.nextLogits(prompt, useAdapter))).toBeLessThan(2e-5);
      const tokens = await greedy(reference, prompt, useAdapter);
      expect(await greedy(engine, prompt, useAdapter)).toEqual(tokens);
    }
    reference.dispose();
  });

  test("memory use is as planned, and recomputed activations have the bits of kept ones", async () => {
    engine.dispose();
    const keptLayers = memoryChoice.keptLayers === 0 ? config.numHiddenLayers : 0;
    const other = await compiledOf(
      { ...given, memoryChoice: { ...memoryChoice, keptLayers } },
      opened,
    );
    const { plannedBytes, allocatedBytes } = other.memory();
    expect(allocatedBytes).toBe(plannedBytes);
    expect(await train(other, given, 1, steps)).toEqual(curve);
    other.dispose();
  });
});
