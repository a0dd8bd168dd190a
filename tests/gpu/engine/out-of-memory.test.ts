// A device without enough memory: the engine tries the next smaller memory choice, and training
// gives the same numbers.
import { expect, test } from "vitest";
import { createWebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import {
  madeUpAdapter,
  madeUpBatch,
  madeUpConfig,
  madeUpWeights,
} from "../../support/made-up-model.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";

const config = madeUpConfig({ numHiddenLayers: 3 });
const lora = { rank: 4, alpha: 8, dropout: 0, targetModules: ["q_proj", "up_proj"] };
const batch = madeUpBatch(config, [[16], [12], [16]], 16, 5);
const hyper = {
  step: 1,
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1,
  seed: 1,
};

/** The device answers the first `refusals` allocations as one without memory would. */
function withoutRoom(opened: OpenDevice, refusals: number): void {
  const { device } = opened;
  const pop = device.popErrorScope.bind(device);
  let left = refusals;
  let scopes = 0;
  device.popErrorScope = async () => {
    const error = await pop();
    scopes++;
    const isOutOfMemoryScope = scopes % 2 === 0; // inside it lies the scope of validation
    return isOutOfMemoryScope && left-- > 0 ? new GPUOutOfMemoryError("made up") : error;
  };
}

async function open(opened: OpenDevice, isReady = false) {
  const engine = await createWebGpuEngine({
    opened,
    config,
    lora,
    shape: { rows: 3, length: 16 },
    weights: { ...madeUpWeights(config), isReady },
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

test("layers are computed twice first, then fewer rows go through at a time; the loss is the same", async () => {
  const roomy = await openDevice(navigator.gpu);
  const whole = await open(roomy);
  expect(whole.memoryChoice).toEqual({ rowsPerPass: 3, keptLayers: 3 });
  const expected = await whole.step([batch], hyper);

  const narrow = await openDevice(navigator.gpu);
  withoutRoom(narrow, 3);
  const small = await open(narrow);
  // 3 kept layers, then 1, then none, then two rows at a time.
  expect(small.memoryChoice).toEqual({ rowsPerPass: 2, keptLayers: 0 });
  expect(small.planned.totalBytes).toBeLessThan(whole.planned.totalBytes);
  const actual = await small.step([batch], hyper);
  expect(Math.abs(actual.lossSum / expected.lossSum - 1)).toBeLessThan(1e-6);
  expect(Math.abs(actual.gradNorm / expected.gradNorm - 1)).toBeLessThan(1e-5);
  for (const { device, fault } of [roomy, narrow]) {
    expect(fault()).toBeNull();
    device.destroy();
  }
});

test("layers are streamed where nothing else fits and the store is ready; the loss is the same", async () => {
  const roomy = await openDevice(navigator.gpu);
  const whole = await open(roomy);
  const narrow = await openDevice(navigator.gpu);
  // Kept layers 3, 1 and 0, rows 2 and 1, an input of each second and of each third layer.
  withoutRoom(narrow, 7);
  const small = await open(narrow, true);
  expect(small.memoryChoice).toEqual({ rowsPerPass: 1, keptLayers: 0, isStreamed: true });
  const [expected, actual] = [await whole.step([batch], hyper), await small.step([batch], hyper)];
  expect(Math.abs(actual.lossSum / expected.lossSum - 1)).toBeLessThan(1e-6);
  expect(Math.abs(actual.gradNorm / expected.gradNorm - 1)).toBeLessThan(1e-5);
  for (const { device, fault } of [roomy, narrow]) {
    expect(fault()).toBeNull();
    device.destroy();
  }
});

test("a run that fits nowhere fails with the memory it needs and holds none", async () => {
  const opened = await openDevice(navigator.gpu);
  withoutRoom(opened, 100);
  const made: GPUBuffer[] = [];
  const create = opened.device.createBuffer.bind(opened.device);
  let destroyed = 0;
  opened.device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      destroyed++;
      destroy();
    };
    made.push(buffer);
    return buffer;
  };
  await expect(open(opened)).rejects.toThrow(/The GPU cannot allocate [\d.]+ GB: made up/);
  expect(made.length).toBeGreaterThan(0);
  expect(destroyed).toBe(made.length);
  opened.device.destroy();
});

/** As a device of other limits would say; what it really grants stays. */
function withLimit(opened: OpenDevice, bytes: number): void {
  const { limits } = opened.device;
  Object.defineProperty(opened.device, "limits", {
    value: { ...limitsOf(limits), maxStorageBufferBindingSize: bytes },
  });
}

function limitsOf({ maxBufferSize }: GPUSupportedLimits) {
  return { maxBufferSize };
}

test("a table too large for one binding is named with its format, its size and the limit", async () => {
  const opened = await openDevice(navigator.gpu);
  withLimit(opened, 97 * 32 * 4 - 1);
  await expect(open(opened)).rejects.toThrow(
    "model.embed_tokens.weight takes 12.4 kB in f32, but one buffer of this GPU holds at most 12.4 kB (maxStorageBufferBindingSize).",
  );
  expect(opened.fault()).toBeNull();
  opened.device.destroy();
});

test("working memory too large for one binding goes through fewer rows at a time", async () => {
  const opened = await openDevice(navigator.gpu);
  // Less than the logits of 48 tokens, 100 to each; more than those of 32 and than any weight.
  withLimit(opened, 48 * 100 * 4 - 1);
  const engine = await createWebGpuEngine({
    ...{ opened, config: { ...config, maxPositionEmbeddings: 16 }, lora },
    shape: { rows: 3, length: 16 },
    weights: madeUpWeights(config),
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  expect(engine.memoryChoice).toEqual({ rowsPerPass: 2, keptLayers: 0 });
  engine.dispose();
  expect(opened.fault()).toBeNull();
  opened.device.destroy();
});
