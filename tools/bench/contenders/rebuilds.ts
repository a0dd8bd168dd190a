// Measures the rebuild of a device with a whole model, besides the upload of the weights.
import { initialAdapter } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import type { WeightStore } from "../../../src/model/weights/store.ts";
import type { DeviceEngine } from "../../../src/engine/open.ts";
import { rebuild, releaseEngine } from "../../../src/run/device-engine.ts";
import { madeUpStep } from "./engine-runs.ts";
import { madeUpStore } from "../inputs.ts";
import { median } from "../timing.ts";
import type { RebuildRow } from "../report.ts";
import { lora, type Model } from "../shapes.ts";

export interface RebuildRun {
  model: Model;
  /** Tokens of each step after a rebuild; the first step compiles the remaining pipelines. */
  tokens: number;
}

type Sample = Omit<RebuildRow, "model" | "tokens">;

const rebuilds = 3;
const stepsAfter = 3;

/** Medians of three rebuilds by the session's function. */
export async function measureRebuild({ model, tokens }: RebuildRun): Promise<RebuildRow> {
  const store = madeUpStore(model.config, { format: "f16" });
  let { deviceEngine } = await build(null, model, tokens, store);
  await stepTimes(deviceEngine, model, tokens, 1);
  const samples: Sample[] = [];
  for (let round = 0; round < rebuilds; round++) {
    const built = await build(deviceEngine, model, tokens, store);
    ({ deviceEngine } = built);
    const { rebuildMs, uploadMs } = built;
    const [firstStepMs = NaN, ...others] = await stepTimes(
      deviceEngine,
      model,
      tokens,
      1 + stepsAfter,
    );
    const stepMs = median(others);
    const restMs = rebuildMs - uploadMs + firstStepMs - stepMs;
    samples.push({ rebuildMs, uploadMs, firstStepMs, stepMs, restMs });
  }
  await releaseEngine(deviceEngine);
  const of = (key: keyof Sample) => median(samples.map((sample) => sample[key]));
  return {
    model: model.name,
    tokens,
    rebuildMs: of("rebuildMs"),
    uploadMs: of("uploadMs"),
    firstStepMs: of("firstStepMs"),
    stepMs: of("stepMs"),
    restMs: of("restMs"),
  };
}

async function build(
  old: DeviceEngine | null,
  { config }: Model,
  tokens: number,
  store: WeightStore,
): Promise<{ deviceEngine: DeviceEngine; rebuildMs: number; uploadMs: number }> {
  const clock = { begin: NaN, end: NaN };
  const weights: WeightStore = {
    shapes: store.shapes,
    parts: (name, signal) => {
      clock.begin = Number.isNaN(clock.begin) ? performance.now() : clock.begin;
      return store.parts(name, signal);
    },
  };
  const { deviceEngine, durationMs } = await rebuild(
    old,
    {
      engine: "webgpu",
      backend: "webgpu",
      wasmPaths: {},
      model: { config, weights },
      lora,
      shape: { rows: 1, length: tokens },
      labelSmoothing: 0,
      isWeighted: false,
    },
    initialAdapter(loraTargets(config, lora), lora.rank, 1),
    () => {
      clock.end = performance.now();
    },
    new AbortController().signal,
  );
  return { deviceEngine, rebuildMs: durationMs, uploadMs: clock.end - clock.begin };
}

async function stepTimes(
  { engine }: DeviceEngine,
  { config }: Model,
  tokens: number,
  count: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let step = 1; step <= count; step++) {
    times.push(await madeUpStep(engine, config, tokens, step));
  }
  return times;
}
