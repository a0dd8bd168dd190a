// The training loop: engine, data and recipe only. Saving, pausing and rebuilding the device happen
// in the caller, between steps.
import { batchLength } from "../data/batching/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine, StepHyper } from "../engine/contract.ts";
import { epochsDone, heldOutBatches, takeStep, totalStepsOf } from "./batches.ts";
import { evaluate } from "./evaluation.ts";
import { endOf } from "./end.ts";
import { bestOf, type Measured } from "./held-out.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { invariant } from "../util/assert.ts";
import { learningRateAt } from "./schedule.ts";
import type { LogEntry, TrainerState } from "./state.ts";

export interface TrainedStep {
  entry: LogEntry;
  /** Tokens fed, padding left out. */
  tokens: number;
}

/** The state of a run before its first step. */
export function initialState(dataset: Dataset, recipe: Recipe): TrainerState {
  return {
    step: 0,
    totalSteps: totalStepsOf(dataset, recipe),
    cursor: { epoch: 0, row: 0 },
    tokensSeen: 0,
    best: null,
    log: [],
  };
}

/**
 * Trains from `state` to its end (end.ts). One step: take the micro-batches at the cursor, let the
 * engine accumulate their gradients and update the adapter, evaluate where that is due, log.
 *
 * A generator, because a run must be interruptible and resume bit for bit. It yields only when
 * `state` and the engine's adapter belong to the same step, and keeps nothing else: order of the
 * data, dropout and learning rate follow from seed and step (util/random.ts). So the caller may
 * save at a yield, pause by not asking for the next, or call `train` again with another engine.
 *
 * The held-out loss before training is the log's first entry, step 0. Where the run starts from the
 * base model (B is zero), it is measured after the first step, with the adapter off: the bits are
 * the same, and nobody waits for it. A run that lacks it, since it was stopped or killed before,
 * measures it once it continues.
 * @param startsFromBase whether the adapter is untrained before the first step; no effect later
 * @param state updated before each yield, and only then
 * @yields each logged step with its number of tokens
 * @throws UserError "non-finite-loss" with state and adapter as they were before the step; the
 *   signal's AbortError between batches
 */
export async function* train(
  engine: Engine,
  dataset: Dataset,
  recipe: Recipe,
  state: TrainerState,
  startsFromBase: boolean,
  signal: AbortSignal,
): AsyncGenerator<TrainedStep> {
  const length = batchLength(dataset.longestRow);
  const heldOut = heldOutBatches(dataset, recipe, length);
  for (;;) {
    if (lacksStart(state, dataset) && (state.step > 0 || !startsFromBase)) {
      const heldOutLoss = await evaluate(engine, heldOut, signal, state.step === 0);
      yield { entry: recordStart(state, heldOutLoss), tokens: 0 };
    }
    if (endOf(state, recipe) !== null) {
      return;
    }
    signal.throwIfAborted();
    const step = state.step + 1;
    const { microBatches, tokens, cursor } = takeStep(dataset, recipe, length, state.cursor);
    const hyper = hyperOf(recipe, step, state.totalSteps);
    const { lossSum, lossWeight, ...measured } = await engine.step(microBatches, hyper);
    const heldOutLoss = isEvaluationDue(recipe, step, state.totalSteps, heldOut.length)
      ? { heldOutLoss: await evaluate(engine, heldOut, signal) }
      : {};
    state.step = step;
    state.cursor = cursor;
    const entry: LogEntry = {
      step,
      epoch: epochsDone(dataset, recipe, state),
      loss: lossSum / lossWeight,
      learningRate: hyper.learningRate,
      gradNorm: measured.gradNorm,
      supervisedTokens: measured.supervisedTokens,
      ...heldOutLoss,
    };
    yield record(state, entry, tokens);
  }
}

type HeldOut = Pick<Dataset, "heldOut">;

/** Whether the log lacks the held-out loss before training. */
export function lacksStart({ log }: Pick<TrainerState, "log">, { heldOut }: HeldOut): boolean {
  return heldOut.length > 0 && log[0]?.step !== 0;
}

/** Whether a run with steps lacks a held-out loss: before training, or after the last step made. */
export function isUnmeasured(state: Pick<TrainerState, "step" | "log">, data: HeldOut): boolean {
  const lacksLast = data.heldOut.length > 0 && state.log.at(-1)?.heldOutLoss === undefined;
  return state.step > 0 && (lacksLast || lacksStart(state, data));
}

/**
 * Measures what the log of a stopped run lacks (`isUnmeasured`): a person stops a run between two
 * evaluations. Nothing but the log changes, and the run can be resumed: its steps stay those of a
 * run that was not stopped, and its log keeps what was measured in addition.
 * @yields each loss
 * @throws the signal's AbortError between batches
 */
export async function* measureStop(
  engine: Pick<Engine, "evaluate">,
  dataset: Dataset,
  recipe: Recipe,
  state: TrainerState,
  signal: AbortSignal,
): AsyncGenerator<Measured> {
  const batches = heldOutBatches(dataset, recipe, batchLength(dataset.longestRow));
  if (lacksStart(state, dataset)) {
    const heldOutLoss = await evaluate(engine, batches, signal, false);
    recordStart(state, heldOutLoss);
    yield { step: 0, heldOutLoss };
  }
  const last = state.log.at(-1);
  invariant(last !== undefined, "a run without a step has nothing to measure");
  if (last.heldOutLoss === undefined) {
    const heldOutLoss = await evaluate(engine, batches, signal);
    state.log.splice(-1, 1, { ...last, heldOutLoss });
    state.best = bestOf(state.log);
    yield { step: last.step, heldOutLoss };
  }
}

function hyperOf(recipe: Recipe, step: number, totalSteps: number): StepHyper {
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm, seed } = recipe;
  const learningRate = learningRateAt(recipe, step - 1, totalSteps);
  return { step, learningRate, beta1, beta2, epsilon, weightDecay, maxGradNorm, seed };
}

function isEvaluationDue(
  { evalSteps }: Recipe,
  step: number,
  totalSteps: number,
  batches: number,
): boolean {
  return batches > 0 && (step === totalSteps || (evalSteps > 0 && step % evalSteps === 0));
}

/** The first entry of the log, whenever it is measured. */
function recordStart(state: TrainerState, heldOutLoss: number): LogEntry {
  const entry = { step: 0, epoch: 0, heldOutLoss };
  state.log.unshift(entry);
  state.best = bestOf(state.log);
  return entry;
}

/** Adds an entry to the state. */
function record(state: TrainerState, entry: LogEntry, tokens: number): TrainedStep {
  state.log.push(entry);
  state.tokensSeen += tokens;
  if (entry.heldOutLoss !== undefined) {
    state.best = bestOf(state.log);
  }
  return { entry, tokens };
}
