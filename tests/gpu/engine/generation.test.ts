// Generation on the compiled engine: prompts on both sides of every pass.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import type { WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import { targetModulesOf } from "../../../src/model/tensors.ts";
import { distance } from "../../support/kernels.ts";
import { madeUpConfig } from "../../support/made-up-model.ts";
import { compiledOf, referenceOf, type Setting } from "../../support/two-engines.ts";

const config = madeUpConfig({ numKeyValueHeads: 2, maxPositionEmbeddings: 300 });
const setting: Setting = {
  name: "generation",
  config,
  lora: { rank: 4, alpha: 8, dropout: 0, targetModules: targetModulesOf(config) },
  rows: [[24]],
  microBatches: 1,
  memoryChoice: { rowsPerPass: 1, keptLayers: 1 },
};

const promptOf = (length: number) => Array.from({ length }, (_, place) => (place * 37 + 5) % 97);

let opened: OpenDevice;
let engine: WebGpuEngine;
let reference: TfjsEngine;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
  engine = await compiledOf(setting, opened);
  reference = await referenceOf(setting);
});

afterAll(() => {
  engine.dispose();
  reference.dispose();
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

// Passes take 128, 64 and one token.
test.each([1, 2, 63, 64, 65, 127, 128, 129, 192, 193, 256, 300])(
  "the logits after a prompt of %i tokens are the reference engine's",
  async (length) => {
    const actual = await engine.nextLogits(promptOf(length), true);
    expect(distance(actual, await reference.nextLogits(promptOf(length), true))).toBeLessThan(2e-5);
    const other = await reference.nextLogits(promptOf(length).fill(3, -1), true);
    expect(distance(actual, other)).toBeGreaterThan(1e-2);
  },
);
