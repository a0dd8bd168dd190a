// Replays a PyTorch + PEFT golden on an engine, in Node or in a browser: `read` loads its files.
import { blobSource } from "../../src/formats/byte-source.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { adapterShapes, type LoraConfig } from "../../src/adapter/lora.ts";
import { loraTargets } from "../../src/adapter/targets.ts";
import type { AdapterState } from "../../src/adapter/state.ts";
import { IGNORED, type TokenBatch } from "../../src/data/batching/batch.ts";
import type { Engine } from "../../src/engine/contract.ts";
import { createTfjsEngine, type TfjsEngine } from "../../src/engine/tfjs/engine.ts";
import type { MemoryChoice } from "../../src/engine/webgpu/memory-choice.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../src/engine/webgpu/engine.ts";
import type { Machine } from "../../src/engine/tfjs/backend.ts";
import { parseModelConfig } from "../../src/model/config/parse.ts";
import { encodingStore, weightShapes, type WeightStore } from "../../src/model/weights/store.ts";
import type { OpenDevice } from "../../src/gpu/open-device.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

export const goldenCases = [
  "gqa-untied",
  "mha-tied",
  "llama3-rope",
  "linear-rope",
  "yarn-rope",
  "mistral",
  "qwen2",
  "qwen3",
  "smollm3",
  "gemma2",
  "gemma3",
  "phi3",
  "phi3-longrope",
] as const;
export type GoldenCase = (typeof goldenCases)[number];
export type ReadFixture = (path: string) => Promise<Blob>;

export interface GoldenBatch {
  rows: number;
  length: number;
  inputIds: number[][];
  labels: number[][];
  attentionMask: number[][];
}

export interface GoldenRun {
  lora: { rank: number; alpha: number; targetModules: string[] };
  hyper: {
    beta1: number;
    beta2: number;
    epsilon: number;
    weightDecay: number;
    maxGradNorm: number;
  };
  steps: {
    learningRate: number;
    microBatches: GoldenBatch[];
    supervisedTokens: number;
    loss64: number;
    gradNorm64: number;
  }[];
  heldOut: { batch: GoldenBatch; lossBefore64: number; lossAfter64: number };
  logits: { inputIds: number[]; adapterOff: GoldenLogits; adapterOn: GoldenLogits };
  greedy: { prompt: number[]; tokens: number[] };
}

interface GoldenLogits {
  last: number[];
}

export interface Golden {
  config: ModelConfig;
  lora: LoraConfig;
  run: GoldenRun;
  initial: AdapterState;
  final: AdapterState;
  /** Kept as f32. */
  weights: WeightStore;
}

export async function openGolden(name: GoldenCase, read: ReadFixture): Promise<Golden> {
  const file = (path: string) => read(`${name}/${path}`);
  const config = parseModelConfig(await (await file("config.json")).text());
  const run = JSON.parse(await (await file("run.json")).text()) as GoldenRun;
  const lora = { ...run.lora, dropout: 0 };
  const weights = await openSafetensors(
    blobSource(await file("model.safetensors"), "model.safetensors"),
  );
  const state = async (adapter: string, moments: string | null): Promise<AdapterState> => {
    const values = await openSafetensors(blobSource(await file(adapter), adapter));
    const adam =
      moments === null ? null : await openSafetensors(blobSource(await file(moments), moments));
    const shapes = adapterShapes(loraTargets(config, lora), lora.rank);
    return {
      tensors: await Promise.all(
        shapes.map(async ({ name, shape }) => {
          const zeros = new Float32Array(shape[0] * shape[1]);
          return {
            name,
            shape,
            values: await values.readFloat32(name),
            moment1: adam === null ? zeros : await adam.readFloat32(`exp_avg.${name}`),
            moment2: adam === null ? zeros : await adam.readFloat32(`exp_avg_sq.${name}`),
          };
        }),
      ),
    };
  };
  return {
    config,
    lora,
    run,
    initial: await state("adapter-initial.safetensors", null),
    final: await state("adapter-final.safetensors", "moments-final.safetensors"),
    weights: encodingStore(weightShapes(config, { format: "f32" }), (tensor) =>
      weights.readFloat32(tensor),
    ),
  };
}

/** An adapter with B at zero: the base model. */
export function untrained({ tensors }: AdapterState): AdapterState {
  return {
    tensors: tensors.map((tensor, index) => ({
      ...tensor,
      values: index % 2 === 0 ? tensor.values : new Float32Array(tensor.values.length),
    })),
  };
}

/**
 * The held-out loss of the base model, taken from a trained engine beside its adapter and by an
 * adapter whose B is zero, and whether a step after it has the bits of one without it.
 */
export async function replayBaseLoss({ run, initial }: Golden, engine: Engine) {
  const heldOut = toBatch(run.heldOut.batch);
  const [first, second] = run.steps;
  const stepOf = async (given: typeof first, step: number) => {
    const { learningRate = 0, microBatches = [] } = given ?? {};
    const hyper = { ...run.hyper, step, learningRate, seed: 0 };
    return await engine.step(microBatches.map(toBatch), hyper);
  };
  const metrics = [];
  const states = [];
  const losses = [];
  for (const isMeasured of [false, true]) {
    engine.writeState(initial);
    await stepOf(first, 1);
    if (isMeasured) {
      losses.push(await engine.evaluate(heldOut, false));
    }
    metrics.push(await stepOf(second, 2));
    states.push(await engine.readState());
  }
  const trained = await engine.evaluate(heldOut);
  engine.writeState(untrained(initial));
  const zero = await engine.evaluate(heldOut);
  return { beside: losses[0], zero, trained, metrics, states };
}

export async function goldenEngine(
  golden: Golden,
  machine: Machine,
  dropout = 0,
): Promise<TfjsEngine> {
  const engine = await createTfjsEngine({
    machine,
    config: golden.config,
    lora: { ...golden.lora, dropout },
    shape: { rows: 3, length: 16 },
    weights: golden.weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(golden.initial);
  return engine;
}

/** The same run on the compiled engine, with f32 weights. */
export async function compiledGoldenEngine(
  golden: Golden,
  opened: OpenDevice,
  options: { dropout?: number; memoryChoice?: MemoryChoice } = {},
): Promise<WebGpuEngine> {
  const { dropout = 0, memoryChoice = { rowsPerPass: 3, keptLayers: 99 } } = options;
  const keptLayers = Math.min(memoryChoice.keptLayers, golden.config.numHiddenLayers);
  const engine = await createWebGpuEngine({
    opened,
    config: golden.config,
    lora: { ...golden.lora, dropout },
    shape: { rows: 3, length: 16 },
    memoryChoice: { ...memoryChoice, keptLayers },
    weights: golden.weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(golden.initial);
  return engine;
}

/** Converts right-padded rows with unshifted labels to the engine's batch. */
export function toBatch({
  rows,
  length,
  inputIds,
  labels,
  attentionMask,
}: GoldenBatch): TokenBatch {
  const targets = labels.map((row) => [...row.slice(1), IGNORED]);
  return {
    rows,
    length,
    tokens: Int32Array.from(inputIds.flat()),
    positions: Int32Array.from(inputIds.flatMap((row) => row.map((_, place) => place))),
    segments: Int32Array.from(attentionMask.flat()),
    targets: Int32Array.from(targets.flat()),
    weights: null,
    supervisedTokens: targets.flat().filter((target) => target !== IGNORED).length,
  };
}

export interface Replay {
  losses: number[];
  gradNorms: number[];
  supervised: number[];
  state: AdapterState;
}

/** Replays the steps of the golden; `from` and `until` count optimizer steps from 0. */
export async function replay(
  golden: Golden,
  engine: Engine,
  from = 0,
  until = Infinity,
): Promise<Replay> {
  const { hyper, steps } = golden.run;
  const result: Omit<Replay, "state"> = { losses: [], gradNorms: [], supervised: [] };
  for (const [index, step] of steps.entries()) {
    if (index < from || index >= until) {
      continue;
    }
    const metrics = await engine.step(step.microBatches.map(toBatch), {
      ...hyper,
      step: index + 1,
      learningRate: step.learningRate,
      seed: 7,
    });
    result.losses.push(metrics.lossSum / metrics.supervisedTokens);
    result.gradNorms.push(metrics.gradNorm);
    result.supervised.push(metrics.supervisedTokens);
  }
  return { ...result, state: await engine.readState() };
}

/** Largest |actual - expected| / |expected|. */
export function relativeError(actual: readonly number[], expected: readonly number[]): number {
  return Math.max(
    ...expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value) / Math.abs(value)),
  );
}

/** Largest difference of two states relative to the largest value, per kind of vector. */
export function stateError(
  actual: AdapterState,
  expected: AdapterState,
  pick: "values" | "moment1" | "moment2",
): number {
  return Math.max(
    ...expected.tensors.map((tensor, i) => {
      const other = actual.tensors[i]?.[pick] ?? new Float32Array();
      const scale = Math.max(...tensor[pick].map(Math.abs));
      return (
        Math.max(...tensor[pick].map((value, j) => Math.abs(value - (other[j] ?? NaN)))) / scale
      );
    }),
  );
}
