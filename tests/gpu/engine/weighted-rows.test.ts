// Rows with weights on the compiled engine: PyTorch's curve, the same bits after a resume and in
// smaller passes, no new buffers, and no mixing with rows without weights.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { labelSmoothing } from "../../../src/engine/label-smoothing.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import { relativeError, stateError, toBatch } from "../../support/golden.ts";
import {
  curveError,
  openWeighted,
  packed,
  padded,
  replayWeighted,
  type WeightedGolden,
} from "../../support/weighted-rows.ts";

const read = async (path: string) => {
  const response = await fetch(`/tests/golden/${path}`);
  expect(response.ok).toBe(true);
  return await response.blob();
};

let weighted: WeightedGolden;
let opened: OpenDevice;

beforeAll(async () => {
  weighted = await openWeighted(read);
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

interface Given {
  dropout?: number;
  smoothing?: number;
  rowsPerPass?: number;
  isWeighted?: boolean;
}

async function engineOf(given: Given = {}): Promise<WebGpuEngine> {
  const { dropout = 0, smoothing = 0, rowsPerPass = 3, isWeighted = true } = given;
  const { config, lora, weights, initial } = weighted.golden;
  const engine = await createWebGpuEngine({
    opened,
    config,
    lora: { ...lora, dropout },
    shape: { rows: 3, length: 16 },
    memoryChoice: { rowsPerPass, keptLayers: config.numHiddenLayers },
    objective: smoothing === 0 ? null : labelSmoothing(smoothing),
    isWeighted,
    weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(initial);
  return engine;
}

test.each([
  ["padded", padded],
  ["packed", packed],
])("twelve steps of weighted rows, %s, follow PyTorch on the compiled engine", async (_, form) => {
  const { expected, final, run } = weighted;
  const engine = await engineOf();
  const { losses, gradNorms, state } = await replayWeighted(weighted, engine, form);
  expect(curveError(losses, expected.loss64)).toBeLessThan(1e-5);
  expect(curveError(gradNorms, expected.gradNorm64)).toBeLessThan(1e-4);
  expect(stateError(state, final, "values")).toBeLessThan(2e-4);
  expect(curveError(losses, run.tokenMean.loss64)).toBeGreaterThan(0.05);
  engine.dispose();
});

test("the held-out loss of a weighted run on the compiled engine counts every token the same", async () => {
  const { heldOut, steps } = weighted.run;
  const engine = await engineOf();
  const { lossSum, supervisedTokens } = await engine.evaluate(toBatch(heldOut.batch));
  expect(relativeError([lossSum / supervisedTokens], [heldOut.lossBefore64])).toBeLessThan(1e-5);
  const batch = padded(steps[0]!.microBatches[0]!);
  expect(await engine.evaluate(batch)).toEqual(await engine.evaluate({ ...batch, weights: null }));
  engine.dispose();
});

test("label smoothing of weighted rows follows PyTorch on the compiled engine", async () => {
  const { smoothed, smoothing } = weighted.run;
  const engine = await engineOf({ smoothing });
  const { losses, gradNorms } = await replayWeighted(weighted, engine);
  expect(curveError(losses, smoothed.loss64)).toBeLessThan(1e-5);
  expect(curveError(gradNorms, smoothed.gradNorm64)).toBeLessThan(1e-4);
  engine.dispose();
});

test("a resumed run of weighted rows with dropout is bit-equal, and its steps make no buffer", async () => {
  const [whole, first] = [await engineOf({ dropout: 0.2 }), await engineOf({ dropout: 0.2 })];
  const expected = await replayWeighted(weighted, whole);
  const half = await replayWeighted(weighted, first, padded, 0, 5);
  first.dispose();
  const second = await engineOf({ dropout: 0.2 });
  second.writeState(half.state);
  const rest = await replayWeighted(weighted, second, padded, 5);
  expect([...half.losses, ...rest.losses]).toEqual(expected.losses);
  expect(rest.state).toEqual(expected.state);
  const made = vi.spyOn(opened.device, "createBuffer");
  const { hyper, steps } = weighted.run;
  const batches = steps[5]!.microBatches.map(padded);
  await second.step(batches, { ...hyper, step: 13, learningRate: 1e-3, seed: 7 });
  expect(made).not.toHaveBeenCalled();
  made.mockRestore();
  whole.dispose();
  second.dispose();
});

test("weighted rows one at a time train as all at once", async () => {
  const engine = await engineOf({ rowsPerPass: 1 });
  const { losses, state } = await replayWeighted(weighted, engine);
  expect(curveError(losses, weighted.expected.loss64)).toBeLessThan(1e-5);
  expect(stateError(state, weighted.final, "values")).toBeLessThan(2e-4);
  engine.dispose();
});

test("rows without weights are refused by an engine for weighted rows, and the reverse", async () => {
  const { hyper, steps } = weighted.run;
  const batch = steps[0]!.microBatches[0]!;
  const step = { ...hyper, step: 1, learningRate: 0, seed: 1 };
  const [plain, engine] = [await engineOf({ isWeighted: false }), await engineOf()];
  await expect(engine.step([toBatch(batch)], step)).rejects.toThrow(/rows without weights/);
  await expect(plain.step([padded(batch)], step)).rejects.toThrow(/rows with weights/);
  plain.dispose();
  engine.dispose();
});
