// Measures whole optimizer steps and generation through the engines' contract.
import { initialAdapter } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import type { TokenBatch } from "../../../src/data/batching/batch.ts";
import type { Engine, SamplingOptions, StepHyper } from "../../../src/engine/contract.ts";
import type { GpuCounts, GpuMeter } from "../gpu-meter.ts";
import { median, needsMore, timeOf } from "../timing.ts";
import type { GenerationRow, StepRow } from "../report.ts";
import { lora, type Model } from "../shapes.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";
import type { EngineOptions } from "./engine-options.ts";

export type OpenEngine = (options: EngineOptions) => Promise<Engine>;

export interface StepRun {
  model: Model;
  /** Tokens of the one micro-batch; all are supervised. */
  tokens: number;
  /** Steps after the first; by default as many as a median needs. */
  steps?: number;
}

export interface GenerationRun {
  model: Model;
  promptTokens: number;
  newTokens: number;
}

export const hyper: Omit<StepHyper, "step"> = {
  learningRate: 1e-4,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1,
  seed: 1,
};

const greedy = { temperature: 0, topP: 1 };
/** As the page samples. */
const sampled = { temperature: 0.8, topP: 0.95 };
/** Tokens of the training batches beside which an engine generates. */
const batchTokens = 16;

export async function measureSteps(
  open: OpenEngine,
  run: StepRun,
  meter: GpuMeter,
): Promise<StepRow> {
  const { model, tokens } = run;
  const bytesBefore = meter.liveBytes();
  const engine = await openEngine(open, model.config, tokens);
  try {
    const step = (index: number) => madeUpStep(engine, model.config, tokens, index);
    await step(1);
    const bytesAfterFirst = meter.liveBytes();
    const times: number[] = [];
    const counts: GpuCounts[] = [];
    while (run.steps === undefined ? needsMore(times) : times.length < run.steps) {
      const index = times.length + 2;
      counts.push(
        await meter.count(async () => {
          times.push(await step(index));
        }),
      );
    }
    const most = (key: keyof GpuCounts) => Math.max(...counts.map((count) => count[key]));
    return {
      model: model.name,
      tokens,
      encodeMs: median(counts.map(({ encodeMs }) => encodeMs)),
      dispatches: most("dispatches"),
      submits: most("submits"),
      objectsCreated: most("objectsCreated"),
      plannedBytes: engine.memory().plannedBytes,
      createdBytes: meter.liveBytes() - bytesBefore,
      growthBytes: meter.liveBytes() - bytesAfterFirst,
      tokensPerSecond: (tokens / median(times)) * 1000,
    };
  } finally {
    engine.dispose();
  }
}

/** One optimizer step over made-up tokens. @returns milliseconds */
export async function madeUpStep(
  engine: Engine,
  { vocabSize }: ModelConfig,
  tokens: number,
  step: number,
): Promise<number> {
  const batch = madeUpBatch(vocabSize, tokens);
  return await timeOf(() => engine.step([batch], { ...hyper, step }));
}

/**
 * Adapter on. The prompt counts until its first new token, the new ones from the first to the last.
 */
export async function measureGeneration(
  open: OpenEngine,
  { model: { name, config }, promptTokens, newTokens }: GenerationRun,
): Promise<GenerationRow> {
  const engine = await openEngine(open, config, batchTokens);
  const prompt = Array.from({ length: promptTokens }, (_, at) => (7 * at) % config.vocabSize);
  const timesOf = (count: number, how: Draw) => generate(engine, prompt, count, how);
  try {
    await timesOf(2, greedy); // compiles
    await timesOf(2, sampled);
    const waits: number[] = [];
    while (needsMore(waits)) {
      waits.push(...(await timesOf(1, greedy)));
    }
    return {
      model: name,
      promptTokens,
      promptPerSecond: (promptTokens / median(waits)) * 1000,
      greedyPerSecond: rateOf(await timesOf(newTokens, greedy)),
      sampledPerSecond: rateOf(await timesOf(newTokens, sampled)),
    };
  } finally {
    engine.dispose();
  }
}

type Draw = Pick<SamplingOptions, "temperature" | "topP">;

/** @returns milliseconds from the call to each new token */
async function generate(engine: Engine, prompt: readonly number[], count: number, how: Draw) {
  const options = { maxNewTokens: count, seed: 1, stopTokens: [], useAdapter: true };
  const times: number[] = [];
  const startedAt = performance.now();
  for await (const token of engine.generate(prompt, { ...how, ...options })) {
    times.push(performance.now() - startedAt);
    if (!Number.isInteger(token)) {
      throw new Error(`The engine generated ${token}.`);
    }
  }
  return times;
}

/** Tokens a second after the first. */
function rateOf(times: readonly number[]): number {
  const [first = NaN] = times;
  return ((times.length - 1) / ((times.at(-1) ?? NaN) - first)) * 1000;
}

async function openEngine(open: OpenEngine, config: ModelConfig, tokens: number): Promise<Engine> {
  const shape = { rows: 1, length: tokens };
  const engine = await open({ config, lora, shape });
  engine.writeState(initialAdapter(loraTargets(config, lora), lora.rank, 1));
  return engine;
}

function madeUpBatch(vocabSize: number, tokens: number): TokenBatch {
  const places = Int32Array.from({ length: tokens }, (_, place) => place);
  return {
    rows: 1,
    length: tokens,
    tokens: places.map((place) => (31 * place) % vocabSize),
    positions: places,
    segments: places.map(() => 1),
    targets: places.map((place) => (31 * place + 31) % vocabSize),
    weights: null,
    supervisedTokens: tokens,
  };
}
