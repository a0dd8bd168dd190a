// The training loop on the real engine: what it logs, that a run cut anywhere is the run in one
// piece, and how it fails.
import { beforeAll, describe, expect, test } from "vitest";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { learningRateAt } from "../../../src/train/schedule.ts";
import type { TrainerState } from "../../../src/train/state.ts";
import { countTokens } from "../../../src/data/dataset.ts";
import {
  initialState,
  isUnmeasured,
  measureStop,
  train,
  type TrainedStep,
} from "../../../src/train/trainer.ts";
import { startingAdapter, tinyEngine, tinyRecipe, untrainedAdapter } from "./golden-run.ts";
import { madeUpDataset } from "./made-up-data.ts";

/** 13 rows by 2 x 2 are 4 steps an epoch, the last with one row: 8 steps see two epochs. */
const dataset = madeUpDataset(13, 3);
const never = new AbortController().signal;

interface Stand {
  state: TrainerState;
  adapter: AdapterState;
  yielded: TrainedStep[];
}

/** Trains on a new engine until `isEnough`, on copies: what went in stays as it was. */
async function trainFrom(
  recipe: Recipe,
  from: Pick<Stand, "state" | "adapter">,
  isEnough: (state: TrainerState) => boolean = () => false,
  data = dataset,
  startsFromBase = false,
): Promise<Stand> {
  const engine = await tinyEngine(recipe, from.adapter);
  const state = structuredClone(from.state);
  const yielded: TrainedStep[] = [];
  for await (const step of train(engine, data, recipe, state, startsFromBase, never)) {
    yielded.push(structuredClone(step));
    if (isEnough(state)) {
      break;
    }
  }
  const adapter = structuredClone(await engine.readState());
  engine.dispose();
  return { state, adapter, yielded };
}

const freshStart = (recipe: Recipe, data = dataset) => ({
  state: initialState(data, recipe),
  adapter: startingAdapter,
});
const lossesOf = ({ state }: Stand) =>
  state.log.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));

describe("a run of eight steps", () => {
  const recipe = { ...tinyRecipe, dropout: 0.2, shuffle: true };
  let whole: Stand;

  beforeAll(async () => {
    whole = await trainFrom(recipe, freshStart(recipe));
  }, 60_000);

  test("a run yields each entry of its log when it is added", () => {
    expect(whole.yielded.map(({ entry }) => entry)).toEqual(whole.state.log);
    expect(whole.state.log.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(whole.state).toMatchObject({ step: 8, totalSteps: 8, cursor: { epoch: 2, row: 0 } });
  });

  test("a run logs epoch, learning rate, gradient norm and trained tokens of each step", () => {
    for (const entry of whole.state.log.slice(1)) {
      expect(entry.epoch).toBe(entry.step / 4);
      expect(entry.learningRate).toBe(learningRateAt(recipe, entry.step - 1, 8));
      expect(entry.gradNorm).toBeGreaterThan(0);
    }
    const counted = whole.state.log.map(({ supervisedTokens = 0 }) => supervisedTokens);
    const perEpoch = (steps: number[]) => steps.reduce((sum, tokens) => sum + tokens, 0);
    expect(perEpoch(counted.slice(1, 5))).toBe(dataset.trainedTokens);
    expect(perEpoch(counted.slice(5))).toBe(dataset.trainedTokens);
  });

  test("a run counts the tokens it has seen", () => {
    const perEpoch = countTokens(dataset.train);
    expect(whole.state.tokensSeen).toBe(2 * perEpoch);
    expect(whole.yielded.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(2 * perEpoch);
  });

  test("a run evaluates before the first step, at every third, and after the last", () => {
    const evaluated = whole.state.log.filter(({ heldOutLoss }) => heldOutLoss !== undefined);
    expect(evaluated.map(({ step }) => step)).toEqual([0, 3, 6, 8]);
    expect(whole.state.log[0]).toEqual({
      step: 0,
      epoch: 0,
      heldOutLoss: evaluated[0]!.heldOutLoss,
    });
  });

  test("a run keeps the lowest held-out loss after step 0 as its best", () => {
    const losses = whole.state.log
      .slice(1)
      .flatMap(({ step, heldOutLoss }) =>
        heldOutLoss === undefined ? [] : [{ step, heldOutLoss }],
      );
    const [best] = losses.toSorted((a, b) => a.heldOutLoss - b.heldOutLoss);
    expect(whole.state.best).toEqual(best);
  });

  test("a run learns: the second epoch's losses are below the first's", () => {
    const losses = lossesOf(whole);
    const sum = (part: number[]) => part.reduce((a, b) => a + b);
    expect(sum(losses.slice(4))).toBeLessThan(0.95 * sum(losses.slice(0, 4)));
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "a run cut after step %i and resumed on a new engine is bit-equal to the whole run",
    async (step) => {
      const part = await trainFrom(recipe, freshStart(recipe), (state) => state.step === step);
      expect(part.state.step).toBe(step);
      const rest = await trainFrom(recipe, part);
      expect(rest.state).toEqual(whole.state);
      expect(rest.adapter).toEqual(whole.adapter);
      expect([...part.yielded, ...rest.yielded]).toEqual(whole.yielded);
    },
  );

  test("a run that is resumed after its last step makes no step", async () => {
    const again = await trainFrom(recipe, whole);
    expect(again.yielded).toEqual([]);
    expect(again.adapter).toEqual(whole.adapter);
  });
});

describe("a run that starts from the base model", () => {
  const recipe = { ...tinyRecipe, dropout: 0.2, shuffle: true, maxSteps: 5 };
  const start = { state: initialState(dataset, recipe), adapter: untrainedAdapter };
  const trainedFrom = (from: Pick<Stand, "state" | "adapter">, yields = Infinity) => {
    let count = 0;
    return trainFrom(recipe, from, () => ++count >= yields, dataset, true);
  };
  let whole: Stand;

  beforeAll(async () => {
    whole = await trainedFrom(start);
  }, 60_000);

  test("its first step comes before the held-out loss of the start, which stays first in the log", () => {
    expect(whole.yielded.map(({ entry }) => entry.step)).toEqual([1, 0, 2, 3, 4, 5]);
    expect(whole.state.log.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("it has the bits of a run that measures its start before the first step", async () => {
    const before = await trainFrom(recipe, start);
    expect(before.yielded.map(({ entry }) => entry.step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(whole.state).toEqual(before.state);
    expect(whole.adapter).toEqual(before.adapter);
  });

  test.each([1, 2, 3, 4, 5])(
    "cut after yield %i and resumed on a new engine it is bit-equal to the whole run",
    async (yields) => {
      const part = await trainedFrom(start, yields);
      const rest = await trainedFrom(part);
      expect(rest.state).toEqual(whole.state);
      expect(rest.adapter).toEqual(whole.adapter);
      expect([...part.yielded, ...rest.yielded]).toEqual(whole.yielded);
    },
  );

  test("a run of one step measures its start too", async () => {
    const short = { ...recipe, maxSteps: 1 };
    const state = initialState(dataset, short);
    const stand = await trainFrom(short, { ...start, state }, undefined, dataset, true);
    expect(stand.state.log.map(({ step }) => step)).toEqual([0, 1]);
    expect(stand.state.log[0]).toEqual(whole.state.log[0]);
  });

  test("a stop after one step measures start and step, and changes nothing but the log", async () => {
    const part = await trainedFrom(start, 1);
    const engine = await tinyEngine(recipe, part.adapter);
    const { state } = part;
    expect(isUnmeasured(state, dataset)).toBe(true);
    const measured = [];
    for await (const each of measureStop(engine, dataset, recipe, state, never)) {
      measured.push(each);
    }
    expect(await engine.readState()).toEqual(part.adapter);
    engine.dispose();
    expect(measured.map(({ step }) => step)).toEqual([0, 1]);
    const [untrained, first] = whole.state.log;
    const { heldOutLoss } = measured[1]!;
    expect(state.log).toEqual([untrained, { ...first, heldOutLoss }]);
    expect(isUnmeasured(state, dataset)).toBe(false);
    const rest = await trainedFrom({ state, adapter: part.adapter });
    expect(rest.adapter).toEqual(whole.adapter);
  });
});

test("the seed acts through the order of rows and dropout alone", async () => {
  const losses = async (given: Partial<Recipe>) => {
    const recipe = { ...tinyRecipe, maxSteps: 2, evalSteps: 0, ...given };
    const data = madeUpDataset(13, 0);
    return lossesOf(await trainFrom(recipe, freshStart(recipe, data), undefined, data));
  };
  const shuffled = { shuffle: true, dropout: 0 };
  const dropped = { shuffle: false, dropout: 0.2 };
  const neither = { shuffle: false, dropout: 0 };
  expect(await losses({ ...shuffled, seed: 4 })).not.toEqual(await losses(shuffled));
  expect(await losses({ ...dropped, seed: 4 })).not.toEqual(await losses(dropped));
  expect(await losses({ ...neither, seed: 4 })).toEqual(await losses(neither));
});

describe("evaluation in a run", () => {
  const evaluatedSteps = async (given: Partial<Recipe>, data = dataset) => {
    const recipe = { ...tinyRecipe, maxSteps: 2, ...given };
    const { state } = await trainFrom(recipe, freshStart(recipe, data), undefined, data);
    return state.log.filter(({ heldOutLoss }) => heldOutLoss !== undefined).map(({ step }) => step);
  };

  test("evaluation with evalSteps 0 happens at the start and the end only", async () => {
    expect(await evaluatedSteps({ evalSteps: 0 })).toEqual([0, 2]);
    expect(await evaluatedSteps({ evalSteps: 1 })).toEqual([0, 1, 2]);
  });

  test("evaluation does not happen without held-out rows, and then no step is the best", async () => {
    const data = madeUpDataset(5, 0);
    expect(await evaluatedSteps({ evalSteps: 1 }, data)).toEqual([]);
    const recipe = { ...tinyRecipe, maxSteps: 1 };
    const { state } = await trainFrom(recipe, freshStart(recipe, data), undefined, data);
    expect(state.best).toBeNull();
    expect(state.log).toHaveLength(1);
  });
});

test("one micro-batch of four rows and two of two rows train the same", async () => {
  const shared: Recipe = { ...tinyRecipe, dropout: 0, shuffle: true };
  const once = { ...shared, batchSize: 4, gradientAccumulationSteps: 1 };
  const twice = { ...shared, batchSize: 2, gradientAccumulationSteps: 2 };
  const expected = await trainFrom(once, freshStart(once));
  const actual = await trainFrom(twice, freshStart(twice));
  const losses = lossesOf(actual);
  lossesOf(expected).forEach((loss, i) => {
    expect(Math.abs(losses[i]! - loss)).toBeLessThan(1e-6 * loss);
  });
  expect(actual.state.tokensSeen).toBe(expected.state.tokensSeen);
});

describe("a run on rows with weights", () => {
  const weighted = madeUpDataset(13, 3, 80, [1, 0.25, 2, 0, -0.5]);
  const recipe: Recipe = { ...tinyRecipe, dropout: 0.2, shuffle: true };

  test.each([1, 4, 6])(
    "a run on weighted rows that is cut after step %i and resumed equals the run in one piece",
    async (cut) => {
      const start = freshStart(recipe, weighted);
      const whole = await trainFrom(recipe, start, undefined, weighted);
      const first = await trainFrom(recipe, start, ({ step }) => step === cut, weighted);
      const rest = await trainFrom(recipe, first, undefined, weighted);
      expect(rest.state).toEqual(whole.state);
      expect(rest.adapter).toEqual(whole.adapter);
    },
  );

  test("weights change the training loss, and not the held-out loss before the first step", async () => {
    const isEnough = ({ step }: TrainerState) => step === 1;
    const [weighed, plain] = [
      await trainFrom(recipe, freshStart(recipe, weighted), isEnough, weighted),
      await trainFrom(recipe, freshStart(recipe), isEnough),
    ];
    expect(lossesOf(weighed)[0]).not.toBeCloseTo(lossesOf(plain)[0]!, 3);
    expect(weighed.state.log[0]).toEqual(plain.state.log[0]);
  });

  test("a run whose rows all weigh 0 logs losses of 0", async () => {
    const nothing = madeUpDataset(13, 3, 80, [0]);
    const stand = await trainFrom(recipe, freshStart(recipe, nothing), undefined, nothing);
    expect(lossesOf(stand)).toEqual(Array<number>(8).fill(0));
  });
});

describe("a step whose loss is not finite", () => {
  const noHeldOut = madeUpDataset(13, 0);

  test("a loss that is not finite ends the run with state and adapter as before the step", async () => {
    const recipe: Recipe = {
      ...tinyRecipe,
      learningRate: 1e30,
      schedule: "constant",
      warmupSteps: 0,
      maxGradNorm: 0,
    };
    const engine = await tinyEngine(recipe);
    const state = initialState(noHeldOut, recipe);
    const steps = train(engine, noHeldOut, recipe, state, false, never);
    await steps.next();
    const before = structuredClone({ state, adapter: await engine.readState() });
    expect(before.state.step).toBe(1);
    await expect(steps.next()).rejects.toMatchObject({
      code: "non-finite-loss",
      where: "step 2",
      message: expect.stringContaining("the adapter was not changed") as string,
      remedy: expect.stringContaining("now 1e+30") as string,
    });
    expect({ state, adapter: await engine.readState() }).toEqual(before);
    engine.dispose();
  });

  test("an adapter near the largest f32 leads to a loss that is not finite too", async () => {
    const adapter = structuredClone(startingAdapter);
    adapter.tensors[0]!.values.fill(3e38);
    const start = { state: initialState(noHeldOut, tinyRecipe), adapter };
    await expect(trainFrom(tinyRecipe, start, undefined, noHeldOut)).rejects.toMatchObject({
      code: "non-finite-loss",
      where: "step 1",
    });
  });
});

test("an abort is thrown between steps of a run and changes nothing", async () => {
  const recipe = tinyRecipe;
  const abort = new AbortController();
  const engine = await tinyEngine(recipe);
  const state = initialState(dataset, recipe);
  const steps = train(engine, dataset, recipe, state, false, abort.signal);
  await steps.next();
  await steps.next();
  const before = structuredClone({ state, adapter: await engine.readState() });
  abort.abort();
  await expect(steps.next()).rejects.toMatchObject({ name: "AbortError" });
  expect({ state, adapter: await engine.readState() }).toEqual(before);
  engine.dispose();
});
