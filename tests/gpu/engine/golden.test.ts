// The tfjs engine on WebGPU, in Chromium, against PyTorch + PEFT in double precision; and its bits
// against themselves.
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMachine, type Machine } from "../../../src/engine/tfjs/backend.ts";
import { wasmPaths } from "../../../src/session/wasm-paths.ts";
import {
  goldenCases,
  goldenEngine,
  openGolden,
  relativeError,
  replay,
  replayBaseLoss,
  stateError,
  toBatch,
} from "../../support/golden.ts";

const read = async (path: string) => {
  const response = await fetch(`/tests/golden/${path}`);
  expect(response.ok).toBe(true);
  return await response.blob();
};

let machine: Machine;

beforeAll(async () => {
  machine = await openMachine("webgpu");
});

afterAll(async () => {
  await machine.release();
});

test.each(goldenCases)("twelve steps of %s on WebGPU follow PyTorch", async (name) => {
  const golden = await openGolden(name, read);
  const tensorsBefore = tf.memory().numTensors;
  const engine = await goldenEngine(golden, machine);
  const { steps, heldOut } = golden.run;
  const { losses, gradNorms, supervised, state } = await replay(golden, engine);
  expect(supervised).toEqual(steps.map((step) => step.supervisedTokens));
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
  const heldOutLoss = sum.lossSum / sum.supervisedTokens;
  expect(relativeError([heldOutLoss], [heldOut.lossAfter64])).toBeLessThan(1e-4);
  engine.dispose();
  expect(tf.memory().numTensors).toBe(tensorsBefore);
});

test.each(goldenCases)(
  "the base model's loss beside the adapter of %s changes no bit",
  async (name) => {
    const golden = await openGolden(name, read);
    const engine = await goldenEngine(golden, machine);
    const { beside, zero, trained, metrics, states } = await replayBaseLoss(golden, engine);
    expect(beside).toEqual(zero);
    expect(trained).not.toEqual(zero);
    expect(metrics[1]).toEqual(metrics[0]);
    expect(states[1]).toEqual(states[0]);
    engine.dispose();
  },
);

test("device memory stays flat from the second step on", async () => {
  const golden = await openGolden("mha-tied", read);
  const engine = await goldenEngine(golden, machine);
  const { hyper, steps } = golden.run;
  const microBatches = steps[0]?.microBatches.map(toBatch) ?? [];
  const bytes: number[] = [];
  for (let step = 1; step <= 8; step++) {
    await engine.step(microBatches, { ...hyper, step, learningRate: 1e-3, seed: 7 });
    bytes.push(engine.memory().allocatedBytes);
  }
  expect(new Set(bytes.slice(1)).size).toBe(1);
  engine.dispose();
});

test("a device destroyed and rebuilt after the third step changes no bit, dropout on", async () => {
  const golden = await openGolden("gqa-untied", read);
  const whole = await goldenEngine(golden, machine, 0.2);
  const expected = await replay(golden, whole, 0, 6);
  whole.dispose();

  const losses: number[] = [];
  let state = golden.initial;
  for (const from of [0, 3]) {
    if (from > 0) {
      await machine.release();
      machine = await openMachine("webgpu");
    }
    const engine = await goldenEngine(golden, machine, 0.2);
    engine.writeState(state);
    const part = await replay(golden, engine, from, from + 3);
    losses.push(...part.losses);
    state = part.state;
    engine.dispose();
  }
  expect(losses).toEqual(expected.losses);
  expect(state).toEqual(expected.state);
});

test("twelve steps on WebAssembly, without WebGPU, follow PyTorch", async () => {
  const processor = await openMachine("wasm", wasmPaths);
  const golden = await openGolden("gqa-untied", read);
  const engine = await goldenEngine(golden, processor);
  const { steps } = golden.run;
  const { losses, gradNorms } = await replay(golden, engine);
  const expected = (pick: (step: (typeof steps)[number]) => number) => steps.map(pick);
  expect(
    relativeError(
      losses,
      expected((step) => step.loss64),
    ),
  ).toBeLessThan(1e-5);
  expect(
    relativeError(
      gradNorms,
      expected((step) => step.gradNorm64),
    ),
  ).toBeLessThan(1e-4);
  engine.dispose();
  await processor.release();
  machine = await openMachine("webgpu");
});

test("a command that the GPU refuses ends the work instead of reading as zeros", async () => {
  const broken = await openMachine("webgpu");
  const backend = tf.backend() as unknown as { device: GPUDevice };
  backend.device.createShaderModule({ code: "this is not WGSL" });
  const value = tf.add(tf.tensor1d([1, 2]), 1);
  await expect(
    broken.guard(value.data().then(() => backend.device.queue.onSubmittedWorkDone())),
  ).rejects.toThrow("refused a command");
  await broken.release();
  machine = await openMachine("webgpu");
});
