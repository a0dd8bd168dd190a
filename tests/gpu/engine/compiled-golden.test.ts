// The compiled engine against PyTorch + PEFT in double precision, and its bits against themselves.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDevice } from "../../../src/gpu/device.ts";
import {
  compiledGoldenEngine,
  goldenCases,
  openGolden,
  relativeError,
  replay,
  replayBaseLoss,
  stateError,
  toBatch,
} from "../../support/golden.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";

const read = async (path: string) => {
  const response = await fetch(`/tests/golden/${path}`);
  expect(response.ok).toBe(true);
  return await response.blob();
};

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

test.each(goldenCases)("twelve steps of %s on the compiled engine follow PyTorch", async (name) => {
  const golden = await openGolden(name, read);
  const engine = await compiledGoldenEngine(golden, opened);
  const { steps, heldOut, logits, greedy } = golden.run;
  const { losses, gradNorms, supervised, state } = await replay(golden, engine);
  expect(supervised).toEqual(steps.map((step) => step.supervisedTokens));
  const error = (actual: number[], pick: (step: (typeof steps)[number]) => number) =>
    relativeError(actual, steps.map(pick));
  expect(error(losses, (step) => step.loss64)).toBeLessThan(2e-5);
  expect(error(gradNorms, (step) => step.gradNorm64)).toBeLessThan(1e-4);
  expect(stateError(state, golden.final, "values")).toBeLessThan(1e-3);
  const sum = await engine.evaluate(toBatch(heldOut.batch));
  const heldOutLoss = sum.lossSum / sum.supervisedTokens;
  expect(relativeError([heldOutLoss], [heldOut.lossAfter64])).toBeLessThan(2e-5);
  const { inputIds, adapterOn, adapterOff } = logits;
  for (const [useAdapter, expected] of [
    [true, adapterOn.last],
    [false, adapterOff.last],
  ] as const) {
    const actual = await engine.nextLogits(inputIds, useAdapter);
    const scale = Math.max(...expected.map(Math.abs));
    const gaps = expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value) / scale);
    expect(Math.max(...gaps)).toBeLessThan(1e-3);
  }
  const tokens: number[] = [];
  for await (const token of engine.generate(greedy.prompt, {
    maxNewTokens: greedy.tokens.length,
    temperature: 0,
    topP: 1,
    seed: 0,
    stopTokens: [],
    useAdapter: true,
  })) {
    tokens.push(token);
  }
  expect(tokens).toEqual(greedy.tokens);
  engine.dispose();
});

test.each(goldenCases)(
  "the base model's loss beside the adapter of %s changes no bit",
  async (name) => {
    const golden = await openGolden(name, read);
    const engine = await compiledGoldenEngine(golden, opened);
    const { beside, zero, trained, metrics, states } = await replayBaseLoss(golden, engine);
    expect(beside).toEqual(zero);
    expect(trained).not.toEqual(zero);
    expect(metrics[1]).toEqual(metrics[0]);
    expect(states[1]).toEqual(states[0]);
    engine.dispose();
  },
);
