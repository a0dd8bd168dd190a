// Packed micro-batches: every example once an epoch and whole, steps counted exactly, any cursor a
// place to go on from, and the loss and gradient of the same examples in rows of their own.
import { describe, expect, test } from "vitest";
import { fillBatch, IGNORED, type TokenBatch } from "../../../src/data/batching/batch.ts";
import { countTokens, epochOrder } from "../../../src/data/dataset.ts";
import { packRows } from "../../../src/data/batching/packing.ts";
import {
  epochsDone,
  heldOutBatches,
  stepsInEpoch,
  takeStep,
  totalStepsOf,
  type StepBatches,
} from "../../../src/train/batches.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import type { DataCursor } from "../../../src/train/state.ts";
import { initialState, train } from "../../../src/train/trainer.ts";
import { relativeError } from "../../support/golden.ts";
import { tinyEngine, tinyRecipe } from "./golden-run.ts";
import { madeUpDataset } from "./made-up-data.ts";

const length = 24;
const start: DataCursor = { epoch: 0, row: 0 };
const datasetOf = (trainRows: number, heldOutRows = 0) => ({
  ...madeUpDataset(trainRows, heldOutRows),
  longestRow: length,
});
const recipeOf = (given: Partial<Recipe>): Recipe => ({
  ...defaultRecipe,
  packing: true,
  seed: 5,
  maxSteps: 0,
  ...given,
});

interface Segment {
  tokens: number[];
  positions: number[];
  targets: number[];
}

/**
 * The segments of a batch, row by row; checks that they are numbered 1, 2 and so on without a gap,
 * padding behind.
 */
function segmentsOf({ rows, length, tokens, positions, segments, targets }: TokenBatch): Segment[] {
  return Array.from({ length: rows }, (_, row) => {
    const places = Array.from({ length }, (_, place) => row * length + place);
    const numbers = places.map((index) => segments[index]!);
    const count = Math.max(...numbers);
    const runs = numbers.filter((number, place) => number !== numbers[place - 1]);
    const counted = Array.from({ length: count }, (_, i) => i + 1);
    expect(runs).toEqual(numbers.at(-1) === 0 ? [...counted, 0] : counted);
    return counted.map((number) => {
      const own = places.filter((index) => segments[index] === number);
      return {
        tokens: own.map((index) => tokens[index]!),
        positions: own.map((index) => positions[index]!),
        targets: own.map((index) => targets[index]!),
      };
    });
  }).flat();
}

/** All steps of these epochs, by the cursor alone. */
function stepsOf(dataset: ReturnType<typeof datasetOf>, recipe: Recipe, epochs: number) {
  const steps: { from: DataCursor; taken: StepBatches }[] = [];
  for (let cursor = start; cursor.epoch < epochs;) {
    const taken = takeStep(dataset, recipe, length, cursor);
    steps.push({ from: cursor, taken });
    cursor = taken.cursor;
  }
  return steps;
}

const sizes = [1, 7, 29].flatMap((trainRows) =>
  [1, 3].flatMap((batchSize) =>
    [1, 2].flatMap((gradientAccumulationSteps) =>
      [true, false].map((shuffle) => ({
        trainRows,
        batchSize,
        gradientAccumulationSteps,
        shuffle,
      })),
    ),
  ),
);

describe.each(sizes)(
  "$trainRows examples in $batchSize rows, accumulated $gradientAccumulationSteps times, shuffle $shuffle",
  ({ trainRows, ...sized }) => {
    const dataset = datasetOf(trainRows);
    const recipe = recipeOf(sized);
    const epochs = 3;
    const steps = stepsOf(dataset, recipe, epochs);

    test("each epoch has each example once and whole, as one segment", () => {
      for (let epoch = 0; epoch < epochs; epoch++) {
        const found = steps
          .filter(({ from }) => from.epoch === epoch)
          .flatMap(({ taken }) => taken.microBatches.flatMap(segmentsOf));
        // The first token of a made-up row is its line.
        const byLine = found.toSorted((a, b) => a.tokens[0]! - b.tokens[0]!);
        const expected = Array.from(dataset.train, ({ tokens, isTrained }) => ({
          tokens: [...tokens],
          positions: Array.from(tokens, (_, place) => place),
          targets: Array.from(tokens, (_, place) =>
            isTrained[place + 1] === 1 ? tokens[place + 1]! : IGNORED,
          ),
        }));
        expect(byLine).toEqual(expected);
      }
    });

    test("a micro-batch has the next examples of the order, and ends at the first that fits no row", () => {
      for (let epoch = 0; epoch < epochs; epoch++) {
        const order = epochOrder(dataset.train, epoch, recipe);
        const batches = steps
          .filter(({ from }) => from.epoch === epoch)
          .flatMap(({ taken }) => taken.microBatches);
        let row = 0;
        for (const batch of batches) {
          const lines = segmentsOf(batch).map(({ tokens }) => tokens[0]!);
          const run = Array.from(order.slice(row, row + lines.length), ({ line }) => line);
          expect(lines.toSorted((a, b) => a - b)).toEqual(run.toSorted((a, b) => a - b));
          row += lines.length;
          const next = row < order.length ? order.tokensOf(row) : Infinity;
          expect(next).toBeGreaterThan(mostRoom(batch));
        }
        expect(row).toBe(trainRows);
      }
    });

    test("every batch has the run's shape; tokens and trained tokens are those of the examples", () => {
      const all = countTokens(dataset.train);
      const batches = steps.flatMap(({ taken }) => taken.microBatches);
      for (const batch of batches) {
        expect(batch).toMatchObject({ rows: recipe.batchSize, length });
        expect(batch.supervisedTokens).toBeGreaterThan(0);
      }
      expect(steps.reduce((sum, { taken }) => sum + taken.tokens, 0)).toBe(epochs * all);
      const trained = batches.reduce((sum, { supervisedTokens }) => sum + supervisedTokens, 0);
      expect(trained).toBe(epochs * dataset.trainedTokens);
    });

    test("the number of steps is the one counted before the run", () => {
      for (let epoch = 0; epoch < epochs; epoch++) {
        const own = steps.filter(({ from }) => from.epoch === epoch);
        expect(stepsInEpoch(dataset, recipe, epoch)).toBe(own.length);
      }
      expect(totalStepsOf(dataset, { ...recipe, epochs })).toBe(steps.length);
    });

    test("a run resumed at any cursor has the batches of the uninterrupted run", () => {
      for (const { from, taken } of steps) {
        const saved = JSON.parse(JSON.stringify(from)) as DataCursor;
        expect(takeStep(dataset, recipe, length, saved)).toEqual(taken);
      }
    });
  },
);

/** Places of padding in the emptiest row. */
function mostRoom({ rows, length, segments }: TokenBatch): number {
  const room = Array.from(
    { length: rows },
    (_, row) =>
      segments.subarray(row * length, (row + 1) * length).filter((segment) => segment === 0).length,
  );
  return Math.max(...room);
}

describe("the number of packed steps", () => {
  // One row of 24 tokens a step: how many examples of 4 to 8 tokens share it depends on their
  // order.
  const dataset = datasetOf(60);
  const recipe = recipeOf({ batchSize: 1, gradientAccumulationSteps: 1, shuffle: true });
  const perEpoch = Array.from({ length: 12 }, (_, epoch) => stepsInEpoch(dataset, recipe, epoch));

  test("the number of packed steps differs between shuffled epochs, and the run has their sum", () => {
    expect(new Set(perEpoch).size).toBeGreaterThan(1);
    for (let epochs = 1; epochs <= perEpoch.length; epochs++) {
      const sum = perEpoch.slice(0, epochs).reduce((a, b) => a + b);
      expect(totalStepsOf(dataset, { ...recipe, epochs })).toBe(sum);
      expect(stepsOf(dataset, recipe, epochs)).toHaveLength(sum);
    }
  });

  test("a fraction of the last packed epoch counts as that fraction of its steps, rounded up", () => {
    const [first = 0, second = 0] = perEpoch;
    const total = (epochs: number) => totalStepsOf(dataset, { ...recipe, epochs });
    expect(total(0.5)).toBe(Math.ceil(first / 2));
    expect(total(1.5)).toBe(Math.ceil(first + second / 2));
    expect(total(0.01)).toBe(1);
  });

  test("the number of packed steps without shuffle is the steps of one epoch times the epochs", () => {
    const inOrder = { ...recipe, shuffle: false };
    const steps = stepsInEpoch(dataset, inOrder, 0);
    expect(totalStepsOf(dataset, { ...inOrder, epochs: 3 })).toBe(3 * steps);
    expect(totalStepsOf(dataset, { ...inOrder, epochs: 1.5 })).toBe(Math.ceil(1.5 * steps));
  });

  test("the number of packed steps is maxSteps where that is given", () => {
    expect(totalStepsOf(dataset, { ...recipe, maxSteps: 4 })).toBe(4);
  });

  test("packed steps are counted with rows as long as the longest, rounded up to a multiple of eight", () => {
    const tight = { ...dataset, longestRow: length - 7 };
    expect(stepsInEpoch(tight, recipe, 0)).toBe(perEpoch[0]);
  });
});

test("passes over packed data are counted in examples, and are whole at the end of an epoch", () => {
  const dataset = datasetOf(29);
  const recipe = recipeOf({ batchSize: 1, gradientAccumulationSteps: 2 });
  const passes = stepsOf(dataset, recipe, 2).map(({ taken }, index) =>
    epochsDone(dataset, recipe, { step: index + 1, cursor: taken.cursor }),
  );
  expect(passes).toEqual(passes.toSorted((a, b) => a - b));
  expect(passes.filter(Number.isInteger)).toEqual([1, 2]);
  expect(epochsDone(dataset, recipe, { step: 1, cursor: { epoch: 3, row: 7 } })).toBe(3 + 7 / 29);
});

test("held-out rows are packed too, each once, in fewer batches", () => {
  const dataset = datasetOf(1, 13);
  const packed = heldOutBatches(dataset, recipeOf({ batchSize: 2 }), length);
  const lines = packed.flatMap(segmentsOf).map(({ tokens }) => tokens[0]!);
  expect(lines.toSorted((a, b) => a - b)).toEqual(Array.from(dataset.heldOut, ({ line }) => line));
  expect(packed.length).toBeLessThan(7 / 2);
  expect(packed.every(({ rows }) => rows === 2)).toBe(true);
});

describe("packing on the reference engine", () => {
  const examples = datasetOf(9).train;
  const { rows, end } = packRows(examples, 0, 3, length);
  const packed = fillBatch(
    rows.map((row) => row.map((index) => examples.at(index))),
    3,
    length,
  );
  const separate = fillBatch(
    Array.from(examples, (example) => [example]),
    examples.length,
    8,
  );

  test("packing puts all nine examples into three rows", () => {
    expect(end).toBe(9);
    expect(rows.every((row) => row.length > 1)).toBe(true);
    expect(packed.supervisedTokens).toBe(separate.supervisedTokens);
  });

  test("packed rows have the loss of separate rows, and not with one segment a row", async () => {
    const engine = await tinyEngine({ dropout: 0 });
    const { lossSum } = await engine.evaluate(separate);
    expect(relativeError([(await engine.evaluate(packed)).lossSum], [lossSum])).toBeLessThan(2e-6);
    const mixed = { ...packed, segments: packed.segments.map((segment) => Math.min(segment, 1)) };
    expect(relativeError([(await engine.evaluate(mixed)).lossSum], [lossSum])).toBeGreaterThan(
      1e-3,
    );
    engine.dispose();
  });

  test("a packed step equals the step of separate rows", async () => {
    const { beta1, beta2, epsilon } = tinyRecipe;
    const hyper = { step: 1, learningRate: 0.01, beta1, beta2, epsilon, weightDecay: 0, seed: 1 };
    const stepOn = async (batch: TokenBatch) => {
      const engine = await tinyEngine({ dropout: 0 });
      const metrics = await engine.step([batch], { ...hyper, maxGradNorm: 0 });
      const state = await engine.readState();
      engine.dispose();
      return { ...metrics, moment: state.tensors.flatMap(({ moment1 }) => [...moment1]) };
    };
    const expected = await stepOn(separate);
    const actual = await stepOn(packed);
    expect(actual.supervisedTokens).toBe(expected.supervisedTokens);
    expect(relativeError([actual.lossSum], [expected.lossSum])).toBeLessThan(2e-6);
    expect(relativeError([actual.gradNorm], [expected.gradNorm])).toBeLessThan(2e-6);
    const scale = Math.max(...expected.moment.map(Math.abs));
    const distance = expected.moment.map((value, i) => Math.abs(value - actual.moment[i]!));
    expect(Math.max(...distance) / scale).toBeLessThan(2e-6);
  });

  test("a packed run that is cut within an epoch and resumed equals the uninterrupted run", async () => {
    const dataset = datasetOf(29, 5);
    const recipe: Recipe = { ...tinyRecipe, packing: true, maxSteps: 0, epochs: 2, dropout: 0.2 };
    const runFrom = async (
      from: { state: ReturnType<typeof initialState>; adapter?: Parameters<typeof tinyEngine>[1] },
      until: number,
    ) => {
      const engine = await tinyEngine(recipe, from.adapter);
      const state = structuredClone(from.state);
      const steps = train(engine, dataset, recipe, state, false, new AbortController().signal);
      let last = await steps.next();
      while (last.done !== true && state.step < until) {
        last = await steps.next();
      }
      const adapter = structuredClone(await engine.readState());
      engine.dispose();
      return { state, adapter };
    };
    const fresh = { state: initialState(dataset, recipe) };
    const whole = await runFrom(fresh, Infinity);
    expect(whole.state).toMatchObject({
      step: whole.state.totalSteps,
      cursor: { epoch: 2, row: 0 },
      tokensSeen: 2 * countTokens(dataset.train),
    });
    expect(whole.state.log.at(-1)?.epoch).toBe(2);
    const part = await runFrom(fresh, 1);
    expect(part.state.cursor.row).toBeGreaterThan(0);
    expect(await runFrom(part, Infinity)).toEqual(whole);
  });
});
