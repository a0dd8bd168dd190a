// The tfjs engine on WebGPU, in Chromium, against PyTorch + PEFT in double precision; and its bits against themselves.
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { openMachine } from "../../../src/gpu/machine.ts";
import {
  goldenCases,
  goldenEngine,
  openGolden,
  relativeError,
  replay,
  stateError,
  toBatch,
} from "../../support/golden.ts";

const read = async (path: string) => {
  const response = await fetch(`/tests/golden/${path}`);
  expect(response.ok).toBe(true);
  return await response.blob();
};

describe.each(goldenCases)("golden %s on WebGPU", (name) => {
  test("losses, gradient norms and adapter follow PyTorch for twelve steps", async () => {
    const golden = await openGolden(name, read);
    const machine = await openMachine("webgpu");
    const engine = await goldenEngine(golden, machine);
    const { steps, heldOut } = golden.run;
    const { losses, gradNorms, state } = await replay(golden, engine);
    expect(
      relativeError(
        losses,
        steps.map((step) => step.loss64),
      ),
    ).toBeLessThan(1e-4);
    expect(
      relativeError(
        gradNorms,
        steps.map((step) => step.gradNorm64),
      ),
    ).toBeLessThan(1e-4);
    expect(stateError(state, golden.final, "values")).toBeLessThan(1e-3);
    const sum = await engine.evaluate(toBatch(heldOut.batch));
    expect(relativeError([sum.lossSum / sum.supervisedTokens], [heldOut.lossAfter64])).toBeLessThan(
      1e-4,
    );
    engine.dispose();
    await machine.release();
  });

  test("a device rebuilt after every third step changes no bit, dropout on", async () => {
    const golden = await openGolden(name, read);
    const machine = await openMachine("webgpu");
    const tensorsBefore = tf.memory().numTensors;
    const whole = await goldenEngine(golden, machine, 0.2);
    const expected = await replay(golden, whole);
    whole.dispose();
    expect(tf.memory().numTensors).toBe(tensorsBefore);
    await machine.release();

    const losses: number[] = [];
    let state = golden.initial;
    for (let from = 0; from < golden.run.steps.length; from += 3) {
      const rebuilt = await openMachine("webgpu");
      const engine = await goldenEngine(golden, rebuilt, 0.2);
      engine.writeState(state);
      const part = await replay(golden, engine, from, from + 3);
      losses.push(...part.losses);
      state = part.state;
      engine.dispose();
      await rebuilt.release();
    }
    expect(losses).toEqual(expected.losses);
    expect(state).toEqual(expected.state);
  });
});
