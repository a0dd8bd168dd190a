// Rows with weights on the reference engine against PyTorch in double precision, padded and packed,
// with label smoothing, resumed; and the weighting by tokens, which is another.
import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { labelSmoothing } from "../../../src/engine/label-smoothing.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine, type TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { relativeError, stateError, toBatch } from "../../support/golden.ts";
import {
  apart,
  curveError,
  emptyStep,
  openWeighted,
  packed,
  padded,
  replayWeighted,
  type WeightedGolden,
} from "../../support/weighted-rows.ts";

const read = async (path: string) =>
  new Blob([await readFile(new URL(`../../golden/${path}`, import.meta.url))]);

let weighted: WeightedGolden;

beforeAll(async () => {
  weighted = await openWeighted(read);
});

async function engineOf({ dropout = 0, smoothing = 0 } = {}): Promise<TfjsEngine> {
  const { config, lora, weights, initial } = weighted.golden;
  const engine = await createTfjsEngine({
    machine: await openMachine("cpu"),
    config,
    lora: { ...lora, dropout },
    shape: { rows: 3, length: 16 },
    objective: labelSmoothing(smoothing),
    weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(initial);
  return engine;
}

test("twelve steps of weighted rows follow PyTorch, and the held-out loss counts every token the same", async () => {
  const { expected, final, run } = weighted;
  const engine = await engineOf();
  const heldOutLoss = async () => {
    const { lossSum, supervisedTokens } = await engine.evaluate(toBatch(run.heldOut.batch));
    return lossSum / supervisedTokens;
  };
  expect(relativeError([await heldOutLoss()], [run.heldOut.lossBefore64])).toBeLessThan(1e-5);
  const { losses, gradNorms, state } = await replayWeighted(weighted, engine);
  expect(curveError(losses, expected.loss64)).toBeLessThan(1e-5);
  expect(curveError(gradNorms, expected.gradNorm64)).toBeLessThan(1e-5);
  expect(stateError(state, final, "values")).toBeLessThan(1e-4);
  expect(relativeError([await heldOutLoss()], [run.heldOut.lossAfter64])).toBeLessThan(1e-5);
  const batch = padded(run.steps[0]!.microBatches[0]!);
  expect(await engine.evaluate(batch)).toEqual(await engine.evaluate({ ...batch, weights: null }));
  engine.dispose();
});

test("weights by tokens instead of rows miss PyTorch's curve", async () => {
  const { expected, run } = weighted;
  expect(curveError(run.tokenMean.loss64, expected.loss64)).toBeGreaterThan(0.05);
  const byTokens: typeof padded = (batch) => {
    const { weights, targets, ...rest } = padded(batch);
    const rowWeight = (at: number) => batch.weights[Math.floor(at / rest.length)]!;
    return { ...rest, targets, weights: weights!.map((w, at) => (w === 0 ? 0 : rowWeight(at))) };
  };
  const engine = await engineOf();
  const { losses } = await replayWeighted(weighted, engine, byTokens);
  expect(curveError(losses, run.tokenMean.loss64)).toBeLessThan(1e-5);
  engine.dispose();
});

test.each([
  ["packed into one row", packed],
  ["in a micro-batch each", apart],
])("weighted rows %s train as in rows of their own", async (_, batchesOf) => {
  const { expected, final } = weighted;
  const engine = await engineOf();
  const { losses, gradNorms, state } = await replayWeighted(weighted, engine, batchesOf);
  expect(curveError(losses, expected.loss64)).toBeLessThan(1e-5);
  expect(curveError(gradNorms, expected.gradNorm64)).toBeLessThan(1e-5);
  expect(stateError(state, final, "values")).toBeLessThan(1e-4);
  engine.dispose();
});

test("label smoothing of weighted rows follows PyTorch", async () => {
  const { smoothed, smoothing } = weighted.run;
  const engine = await engineOf({ smoothing });
  const { losses, gradNorms } = await replayWeighted(weighted, engine);
  expect(curveError(losses, smoothed.loss64)).toBeLessThan(1e-5);
  expect(curveError(gradNorms, smoothed.gradNorm64)).toBeLessThan(1e-5);
  engine.dispose();
});

test("a step whose rows all weigh 0 has loss and gradient 0, and AdamW moves the adapter on", async () => {
  const engine = await engineOf();
  const before = await replayWeighted(weighted, engine, padded, 0, emptyStep);
  const { losses, gradNorms, state } = await replayWeighted(
    weighted,
    engine,
    padded,
    emptyStep,
    emptyStep + 1,
  );
  expect([losses, gradNorms]).toEqual([[0], [0]]);
  const { beta1 } = weighted.run.hyper;
  state.tensors.forEach(({ values, moment1 }, index) => {
    const old = before.state.tensors[index]!;
    expect(values).not.toEqual(old.values);
    expect([...moment1]).toEqual(
      [...old.moment1].map((moment) => expect.closeTo(beta1 * moment, 7) as number),
    );
  });
  engine.dispose();
});

test("a resumed run of weighted rows with dropout is bit-equal to the uninterrupted run", async () => {
  const engines = await Promise.all([0, 1, 2].map(() => engineOf({ dropout: 0.2 })));
  const [whole, first, second] = engines as [TfjsEngine, TfjsEngine, TfjsEngine];
  const expected = await replayWeighted(weighted, whole);
  const half = await replayWeighted(weighted, first, padded, 0, 5);
  second.writeState(half.state);
  const rest = await replayWeighted(weighted, second, padded, 5);
  expect([...half.losses, ...rest.losses]).toEqual(expected.losses);
  expect(rest.state).toEqual(expected.state);
  engines.forEach((engine) => {
    engine.dispose();
  });
});
