// Runs dispatches on a device for the tests of kernels: uploads inputs, submits once, reads outputs
// and fails on any GPU error.
import { expect } from "vitest";
import { openDevice } from "../../src/gpu/device.ts";
import type { Dispatch, Program, Tensor } from "../../src/gpu/plan.ts";
import { persistent } from "../../src/gpu/plan.ts";
import { Runner } from "../../src/gpu/runner.ts";
import { stepScalars, type StepScalars } from "../../src/kernels/step-scalars.ts";
import { uniforms } from "../../src/util/random.ts";
import type { OpenDevice } from "../../src/gpu/open-device.ts";

type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

let shared: Promise<OpenDevice> | null = null;

/** One device for all tests of a file. */
export async function testDevice(): Promise<OpenDevice> {
  shared ??= openDevice(navigator.gpu);
  return await shared;
}

/** An input of `runOnGpu`: a tensor with initial values. */
export class TestTensors {
  readonly #values = new Map<Tensor, Values>();

  /** The values before the dispatches run. */
  given(label: string, values: Values): Tensor {
    const tensor = persistent(label, Math.max(1, values.length));
    this.#values.set(tensor, values);
    return tensor;
  }

  /** Filled with NaN before the dispatches run, to detect elements that are never written. */
  output(label: string, elements: number): Tensor {
    return this.given(label, new Float32Array(elements).fill(NaN));
  }

  get values(): ReadonlyMap<Tensor, Values> {
    return this.#values;
  }
}

export const stepOfTest: StepScalars = {
  gradScale: 1,
  stepSize: 0,
  rootCorrection: 1,
  decay: 1,
  oneMinusBeta1: 1,
  beta2: 0,
  oneMinusBeta2: 1,
  epsilon: 1e-8,
  maxGradNorm: 0,
  seed: 0,
  supervisedRows: 0,
  isFirstPass: 1,
};

/** Runs the dispatches in order and reads `outputs`. @throws Error for any GPU error */
export async function runOnGpu(
  dispatches: readonly Dispatch[],
  tensors: TestTensors,
  outputs: readonly Tensor[],
  step: Partial<StepScalars> = {},
): Promise<Float32Array[]> {
  const opened = await testDevice();
  opened.device.pushErrorScope("validation");
  opened.device.pushErrorScope("internal");
  const program: Program = { name: "test", dispatches };
  const runner = await Runner.create(opened, [program]);
  try {
    await runner.prepare([program]);
    tensors.values.forEach((values, tensor) => {
      runner.write(tensor, values);
    });
    runner.writePerRun(stepScalars, { ...stepOfTest, ...step });
    runner.run(program, step.supervisedRows);
    const results: Float32Array[] = [];
    for (const tensor of outputs) {
      results.push(new Float32Array(await runner.read(tensor)));
    }
    return results;
  } finally {
    runner.dispose();
    const faults = [await opened.device.popErrorScope(), await opened.device.popErrorScope()];
    expect([...faults, opened.fault()].map((fault) => fault?.message ?? null)).toEqual([
      null,
      null,
      null,
    ]);
  }
}

/** Seeded random numbers, uniform in [-1, 1). */
export function randoms(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(uniforms(seed, 99, count), (value) => 2 * value - 1);
}

/** Largest difference relative to the largest expected magnitude, over a whole tensor. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let scale = 1e-30;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs((actual[i] ?? NaN) - (expected[i] ?? NaN));
    if (Number.isNaN(gap)) {
      return NaN;
    }
    worst = Math.max(worst, gap);
    scale = Math.max(scale, Math.abs(expected[i] ?? 0));
  }
  return worst / scale;
}
