// Measures what the parts of a run take: real steps on its data, on an engine of their own that is
// thrown away. Nothing of it reaches the run.
import { initialAdapter } from "../../adapter/lora.ts";
import { loraTargets } from "../../adapter/targets.ts";
import { rowTokens, type TokenBatch } from "../../data/batching/batch.ts";
import type { Dataset } from "../../data/dataset.ts";
import { computedTokens, type ComputedTokens } from "../../engine/computed-tokens.ts";
import type { BatchShape, Engine } from "../../engine/contract.ts";
import { openEngine } from "../../engine/open.ts";
import { memoryChoiceOf } from "../../engine/run-bytes.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { UserError } from "../../util/errors.ts";
import { yieldToEvents } from "../../util/yield-to-events.ts";
import type { AheadOfRun } from "../compiled-ahead.ts";
import { releaseEngine, type DeviceEnginePlan } from "../device-engine.ts";
import type { Rates } from "./rates.ts";
import { spreadBatches } from "./spread-batches.ts";

const stepsMs = 2000;
const evaluationsMs = 500;
/** For the step under way when a measurement is called off; then its device is given up. */
const lastStepMs = 1000;
/** Batches from all over the data; more than this are taken again. */
const mostBatches = 16;

export interface Measurement {
  /** Of the run, at its own shape. */
  plan: DeviceEnginePlan;
  dataset: Dataset;
  recipe: Recipe;
  /** Multiply-adds of a forward pass that a batch may have to be measured on this device. */
  batchWork: number;
  /** Gives the device, and gets it back. */
  ahead: AheadOfRun;
}

/**
 * @throws UserError "too-long" where no batch has a trained token; what opening an engine throws;
 *   the signal's reason
 */
export async function measureRates(
  { plan, dataset, recipe, batchWork, ahead }: Measurement,
  signal: AbortSignal,
): Promise<Rates> {
  const shape = shapeWithin(plan, batchWork);
  const batchesOf = (rows: Dataset["train"]) =>
    spreadBatches(rows, shape, recipe.packing, mostBatches);
  const training = batchesOf(dataset.train);
  const heldOut = batchesOf(dataset.heldOut);
  const measured = smallerPlan(plan, shape);
  const given = await ahead.compiled(signal);
  const startedAt = performance.now(); // the run finds its kernels compiled as well
  const opened = await openEngine(measured, () => undefined, signal, given);
  let released = null as Promise<unknown> | null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    timer = setTimeout(() => {
      released = releaseEngine(opened);
    }, lastStepMs);
  };
  if (plan.engine === "webgpu") {
    // Ends the wait for a step of a GPU that hangs. tfjs must not be disposed of within one.
    signal.addEventListener("abort", stop);
  }
  try {
    const { engine } = opened;
    const { config } = plan.model;
    engine.writeState(initialAdapter(loraTargets(config, recipe), recipe.rank, recipe.seed));
    const openMs = performance.now() - startedAt;
    const ofStep = (batches: readonly TokenBatch[]) => step(engine, batches, recipe);
    const inStep = recipe.gradientAccumulationSteps;
    const computed = computedTokens(plan.engine, shape);
    const tokenMs = await msPerToken(
      { work: ofStep, batches: training, atOnce: inStep, budgetMs: stepsMs, computed },
      signal,
    );
    const ofEvaluation = ([batch]: readonly TokenBatch[]) => batch && engine.evaluate(batch);
    const evaluation = { work: ofEvaluation, batches: heldOut, atOnce: 1, budgetMs: evaluationsMs };
    const heldOutTokenMs =
      heldOut.length === 0 ? 0 : await msPerToken({ ...evaluation, computed }, signal);
    return { openMs, tokenMs, heldOutTokenMs };
  } finally {
    signal.removeEventListener("abort", stop);
    clearTimeout(timer);
    if (released !== null) {
      await released;
    } else if (opened.ahead === null) {
      await releaseEngine(opened);
    } else {
      opened.engine.dispose();
      ahead.give(opened.ahead);
    }
  }
}

/** At rate 0 the adapter stays as it began, whatever the recipe would make of it. */
async function step(engine: Engine, batches: readonly TokenBatch[], recipe: Recipe): Promise<void> {
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm, seed } = recipe;
  const hyper = { step: 1, learningRate: 0, beta1, beta2, epsilon, weightDecay, maxGradNorm, seed };
  await engine.step(batches, hyper);
}

interface TimedWork {
  work: (batches: readonly TokenBatch[]) => Promise<unknown> | undefined;
  batches: readonly TokenBatch[];
  /** Batches that the work takes together, where they are short enough. */
  atOnce: number;
  budgetMs: number;
  computed: ComputedTokens;
}

/**
 * The time of a computed token, as the mean over as many batches as the time allows. The first one
 * compiles and fills caches, so it counts only where it is slower than all the time there is.
 */
async function msPerToken(
  { work, batches, atOnce, budgetMs, computed }: TimedWork,
  signal: AbortSignal,
): Promise<number> {
  const [first] = batches;
  if (first === undefined) {
    throw new UserError("too-long", "No row has a trained token to measure with.", {
      remedy: "Raise maxLength.",
    });
  }
  const timed = async (some: readonly TokenBatch[]) => {
    await yieldToEvents(); // among them the one that calls this off
    signal.throwIfAborted();
    const startedAt = performance.now();
    await work(some);
    return performance.now() - startedAt;
  };
  const tokensIn = (some: readonly TokenBatch[]) =>
    some.reduce((sum, batch) => sum + computed(rowTokens(batch)), 0);
  const firstMs = await timed([first]);
  if (firstMs > budgetMs) {
    return firstMs / tokensIn([first]);
  }
  const together = Math.min(atOnce, Math.max(1, Math.floor(budgetMs / 4 / firstMs)));
  let [spentMs, tokens, next] = [0, 0, 0];
  while (spentMs < budgetMs) {
    const from = next;
    const some = Array.from({ length: together }, (_, index) => {
      return batches[(from + index) % batches.length] ?? first;
    });
    spentMs += await timed(some);
    tokens += tokensIn(some);
    next += together;
  }
  return spentMs / tokens;
}

/** The run's shape, or fewer rows of it, or a shorter one: slow devices are measured on less. */
function shapeWithin({ shape, model }: DeviceEnginePlan, batchWork: number): BatchShape {
  const tokens = Math.max(8, batchWork / model.parameters);
  const length = Math.min(shape.length, 8 * Math.floor(tokens / 8));
  const rows = Math.min(shape.rows, Math.max(1, Math.floor(tokens / length)));
  return { rows, length };
}

/** With the memory choice of the whole shape: recomputing layers takes time, too. */
function smallerPlan(plan: DeviceEnginePlan, shape: BatchShape): DeviceEnginePlan {
  const isWhole = shape.rows === plan.shape.rows && shape.length === plan.shape.length;
  const choice = isWhole ? null : memoryChoiceOf(plan);
  return choice === null
    ? { ...plan, shape }
    : {
        ...plan,
        shape,
        memoryChoice: { ...choice, rowsPerPass: Math.min(choice.rowsPerPass, shape.rows) },
      };
}
