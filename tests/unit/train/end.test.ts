// When training ends: after its last step, or early by transformers' rule.
import { describe, expect, test } from "vitest";
import { endOf, stopsEarly } from "../../../src/train/end.ts";
import { initialState, train } from "../../../src/train/trainer.ts";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import type { TrainerState } from "../../../src/train/state.ts";
import { startingAdapter, tinyEngine, tinyRecipe } from "./golden-run.ts";
import { madeUpDataset } from "./made-up-data.ts";

/** The log of evaluations every ten steps, after one at the start. */
function logOf(start: number, ...losses: number[]): TrainerState["log"] {
  return [start, ...losses].map((heldOutLoss, i) => ({ step: 10 * i, epoch: 0, heldOutLoss }));
}

const patient = (earlyStoppingPatience: number) => ({ evalSteps: 10, earlyStoppingPatience });

describe("early stopping", () => {
  // As EarlyStoppingCallback.check_metric_value of transformers' trainer_callback.py decides.
  test.each<[title: string, patience: number, losses: number[], isOver: boolean]>([
    ["at the first loss that is not lower, with patience 1", 1, [5, 5], true],
    ["not at a lower loss", 1, [5, 4.999], false],
    ["not at the first evaluation, even where it is worse than the start", 1, [9], false],
    ["after three without a gain, with patience 3", 3, [5, 4, 4, 4.1, 4.2], true],
    ["not after two, with patience 3", 3, [5, 4, 4, 4.1], false],
    ["not where a gain came in between", 3, [5, 4, 4.1, 4.2, 3.9, 4], false],
    ["although the loss falls again, where it stays above the lowest", 3, [5, 1, 4, 3, 2], true],
    ["never with patience 0", 0, [5, 6, 7, 8, 9, 10], false],
  ])("a run stops early %s", (_, patience, losses, isOver) => {
    expect(stopsEarly(logOf(6, ...losses), patient(patience))).toBe(isOver);
  });

  test("a run without evaluations between start and end never stops early", () => {
    expect(stopsEarly(logOf(6, 7, 8), { evalSteps: 0, earlyStoppingPatience: 1 })).toBe(false);
  });

  test("what a stop measured between two evaluations does not count", () => {
    const log = logOf(6, 5, 4, 4.5);
    const stopped = { step: 25, epoch: 0, heldOutLoss: 1 };
    const withStop = [...log.slice(0, 3), stopped, ...log.slice(3)];
    expect(stopsEarly(withStop, patient(2))).toBe(false);
    expect(stopsEarly([...withStop, { step: 40, epoch: 0, heldOutLoss: 3.9 }], patient(2))).toBe(
      false,
    );
  });
});

describe("a run that gains nothing", () => {
  const recipe: Recipe = {
    ...tinyRecipe,
    ...{ learningRate: 0, maxSteps: 20, evalSteps: 2, earlyStoppingPatience: 3 },
  };
  const dataset = madeUpDataset(13, 3);
  const never = new AbortController().signal;

  async function trainFrom(state: TrainerState, until = Infinity) {
    const engine = await tinyEngine(recipe, startingAdapter); // a rate of 0 changes nothing
    const steps = train(engine, dataset, recipe, state, false, never);
    let isDone = false;
    while (!isDone && state.step < until) {
      isDone = (await steps.next()).done === true;
    }
    engine.dispose();
    return state;
  }

  test("a run that gains nothing ends at the same step in one piece and resumed anywhere", async () => {
    const whole = await trainFrom(initialState(dataset, recipe));
    expect(whole.step).toBe(8);
    expect(endOf(whole, recipe)).toBe("no-gain");
    expect(endOf(whole, { ...recipe, earlyStoppingPatience: 4 })).toBeNull();
    for (const step of [1, 2, 5, 6, 7, 8]) {
      const state = await trainFrom(initialState(dataset, recipe), step);
      expect(await trainFrom(structuredClone(state))).toEqual(whole);
    }
  }, 60_000);

  test("a run that makes all its steps is complete", async () => {
    const short = { ...recipe, maxSteps: 6 };
    const state = initialState(dataset, short);
    const engine = await tinyEngine(short, startingAdapter);
    const steps = train(engine, dataset, short, state, false, never);
    while ((await steps.next()).done !== true) {
      expect(endOf(state, short)).toBe(state.step === 6 ? "complete" : null);
    }
    engine.dispose();
  });
});
