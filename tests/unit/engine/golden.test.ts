// The tfjs engine on the CPU backend against PyTorch + PEFT in double precision: losses, norms,
// final adapter, logits.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import * as tf from "@tensorflow/tfjs-core";
import {
  goldenCases,
  goldenEngine,
  openGolden,
  relativeError,
  replay,
  stateError,
  toBatch,
} from "../../support/golden.ts";

const read = async (path: string) =>
  new Blob([await readFile(new URL(`../../golden/${path}`, import.meta.url))]);

describe.each(goldenCases)("golden %s on the CPU backend", (name) => {
  test("losses, gradient norms, adapter and moments follow PyTorch for twelve steps", async () => {
    const golden = await openGolden(name, read);
    const engine = await goldenEngine(golden, await openMachine("cpu"));
    const { steps, heldOut } = golden.run;
    const heldOutLoss = async () => {
      const sum = await engine.evaluate(toBatch(heldOut.batch));
      return sum.lossSum / sum.supervisedTokens;
    };
    expect(relativeError([await heldOutLoss()], [heldOut.lossBefore64])).toBeLessThan(1e-5);
    const { losses, gradNorms, supervised, state } = await replay(golden, engine);
    expect(supervised).toEqual(steps.map((step) => step.supervisedTokens));
    expect(
      relativeError(
        losses,
        steps.map((step) => step.loss64),
      ),
    ).toBeLessThan(1e-5);
    expect(
      relativeError(
        gradNorms,
        steps.map((step) => step.gradNorm64),
      ),
    ).toBeLessThan(1e-5);
    expect(stateError(state, golden.final, "values")).toBeLessThan(1e-4);
    expect(stateError(state, golden.final, "moment1")).toBeLessThan(1e-4);
    expect(stateError(state, golden.final, "moment2")).toBeLessThan(1e-4);
    expect(relativeError([await heldOutLoss()], [heldOut.lossAfter64])).toBeLessThan(1e-5);
    engine.dispose();
  });

  test("logits and greedy tokens follow PyTorch, with and without the adapter", async () => {
    const golden = await openGolden(name, read);
    const engine = await goldenEngine(golden, await openMachine("cpu"));
    engine.writeState(golden.final);
    const { logits, greedy } = golden.run;
    const close = (actual: Float32Array, expected: number[]) => {
      const scale = Math.max(...expected.map(Math.abs));
      expect(Math.max(...expected.map((v, i) => Math.abs(v - actual[i]!))) / scale).toBeLessThan(
        1e-5,
      );
    };
    close(await engine.nextLogits(logits.inputIds, false), logits.adapterOff.last);
    close(await engine.nextLogits(logits.inputIds, true), logits.adapterOn.last);
    const tokens: number[] = [];
    for await (const token of engine.generate(greedy.prompt, {
      maxNewTokens: greedy.tokens.length,
      temperature: 0,
      topP: 1,
      seed: 1,
      stopTokens: [],
      useAdapter: true,
    })) {
      tokens.push(token);
    }
    expect(tokens).toEqual(greedy.tokens);
    engine.dispose();
  });
});

test.each(["gqa-untied", "mha-tied", "phi3"] as const)(
  "a resumed run of %s with dropout is bit-equal to the uninterrupted run",
  async (name) => {
    const golden = await openGolden(name, read);
    const machine = await openMachine("cpu");
    const whole = await goldenEngine(golden, machine, 0.2);
    const expected = await replay(golden, whole);
    const first = await goldenEngine(golden, machine, 0.2);
    const half = await replay(golden, first, 0, 5);
    const second = await goldenEngine(golden, machine, 0.2);
    second.writeState(half.state);
    const rest = await replay(golden, second, 5);
    expect([...half.losses, ...rest.losses]).toEqual(expected.losses);
    expect(rest.state).toEqual(expected.state);
    [whole, first, second].forEach((engine) => {
      engine.dispose();
    });
  },
);

test.each(["mha-tied", "gemma3", "phi3"] as const)("a run of %s leaks no tensor", async (name) => {
  const golden = await openGolden(name, read);
  const machine = await openMachine("cpu");
  const before = tf.memory().numTensors;
  const engine = await goldenEngine(golden, machine);
  const loaded = tf.memory().numTensors;
  await replay(golden, engine, 0, 2);
  await engine.evaluate(toBatch(golden.run.heldOut.batch));
  expect(tf.memory().numTensors).toBe(loaded);
  engine.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
