// The time that a run will take on this device: from rates that are kept, or measured now. One
// measurement at a time, which anything else that wants the device calls off.
import type { Dataset } from "../../data/dataset.ts";
import { computedTokens } from "../../engine/computed-tokens.ts";
import { openTuningCache } from "../../gpu/tuning-cache.ts";
import type { DeviceInfo } from "../../models/facts.ts";
import type { LoadedModel } from "../../models/loaded-model.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { tokensOf, workOf, type WorkTokens } from "../../train/work.ts";
import { hasCode } from "../../util/errors.ts";
import type { AheadOfRun } from "../compiled-ahead.ts";
import { enginePlanOf, type DeviceEnginePlan } from "../device-engine.ts";
import { measureRates } from "./measure.ts";
import { durationOf, RateBook, rateKey } from "./rates.ts";

/**
 * Multiply-adds of a forward pass that a batch may have to be measured: a step takes half a second
 * on a GPU of 1.2 TFLOP/s, or on a processor.
 */
const batchWorkOf = {
  gpu: 1e11,
  softwareGpu: 5e8,
  processor: 1e8,
};

/** A run that has not begun. */
export interface PlannedRun {
  model: LoadedModel;
  dataset: Dataset;
  recipe: Recipe;
  device: DeviceInfo;
}

export class RunTiming {
  readonly #wasmPaths: DeviceEnginePlan["wasmPaths"];
  readonly #ahead: AheadOfRun;
  readonly #book = new RateBook(openTuningCache("anneal-tuning"));
  #abort = new AbortController();
  #underWay: Promise<unknown> = Promise.resolve();

  /** @param ahead gives the device to measure on, and gets it back for the run */
  constructor(wasmPaths: DeviceEnginePlan["wasmPaths"], ahead: AheadOfRun) {
    this.#wasmPaths = wasmPaths;
    this.#ahead = ahead;
  }

  /** By rates that were measured before; null where there are none. */
  async known(run: PlannedRun): Promise<number | null> {
    const rates = await this.#book.get(keyOf(run, this.planOf(run)));
    return rates === null ? null : durationOf(this.#tokensOf(run), rates);
  }

  /**
   * By known rates, else measured for some seconds on an engine of its own.
   * @param free releases what others hold of the device; answers whether they all did
   * @returns null where it was called off, or there is no room for it on the device
   */
  async measure(
    planned: () => Promise<PlannedRun>,
    free: () => Promise<boolean>,
  ): Promise<number | null> {
    const before = this.cancel();
    const abort = new AbortController();
    this.#abort = abort;
    const measured = before.then(async () => {
      const run = await planned();
      return (await this.known(run)) ?? (await this.#measure(run, free, abort.signal));
    });
    this.#underWay = measured.catch(() => undefined);
    return await measured;
  }

  /** Calls the measurement off. Resolves when its device is released. */
  async cancel(): Promise<void> {
    this.#abort.abort();
    await this.#underWay;
  }

  async #measure(
    run: PlannedRun,
    free: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { dataset, recipe, device } = run;
    const plan = this.planOf(run);
    try {
      if (signal.aborted || !(await free())) {
        return null;
      }
      const batchWork = batchWorkOf[kindOf(device, plan)];
      const ahead = this.#ahead;
      const rates = await measureRates({ plan, dataset, recipe, batchWork, ahead }, signal);
      await this.#book.set(keyOf(run, plan), rates);
      return durationOf(this.#tokensOf(run), rates);
    } catch (error) {
      // The run itself says why its device fails, with what to do.
      const isExpected = ["device-lost", "out-of-memory", "too-long"] as const;
      if (signal.aborted || isExpected.some((code) => hasCode(error, code))) {
        return null;
      }
      throw error;
    }
  }

  #tokensOf(run: PlannedRun): WorkTokens {
    const { dataset, recipe } = run;
    const { engine, shape } = this.planOf(run);
    return tokensOf(dataset, recipe, workOf(dataset, recipe), computedTokens(engine, shape));
  }

  /** The engine of the run. */
  planOf({ model, dataset, recipe, device }: PlannedRun): DeviceEnginePlan {
    return enginePlanOf(model, dataset, recipe, { device, wasmPaths: this.#wasmPaths });
  }
}

function kindOf(device: DeviceInfo, { engine }: DeviceEnginePlan): keyof typeof batchWorkOf {
  if (device.backend !== "webgpu" || engine === "tfjs") {
    return "processor";
  }
  return device.isSoftware ? "softwareGpu" : "gpu";
}

function keyOf({ model, dataset, recipe, device }: PlannedRun, plan: DeviceEnginePlan): string {
  return rateKey({
    engine: plan.engine,
    device: device.name,
    model: [model.indexSha256, model.format],
    recipe,
    shape: plan.shape,
    isWeighted: plan.isWeighted,
    trainedTokensPerRow: dataset.trainedTokens / dataset.train.length,
  });
}
