// Generation on the compiled engine: prompts on both sides of every pass, tokens picked on the GPU,
// how an answer ends, and training around it, whose memory holds the caches.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine, SamplingOptions } from "../../../src/engine/contract.ts";
import type { TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import type { WebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { openDevice } from "../../../src/gpu/device.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";
import { targetModulesOf } from "../../../src/model/tensors.ts";
import { distance } from "../../support/kernels.ts";
import { madeUpConfig } from "../../support/made-up-model.ts";
import {
  batchesOf,
  compiledOf,
  hyper,
  referenceOf,
  train,
  type Setting,
} from "../../support/two-engines.ts";

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

const options: SamplingOptions = {
  maxNewTokens: 30,
  temperature: 0.9,
  topP: 0.95,
  seed: 1,
  stopTokens: [],
  useAdapter: true,
};

async function tokensOf(
  own: Engine,
  given: Partial<SamplingOptions> = {},
  prompt = promptOf(20),
): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of own.generate(prompt, { ...options, ...given })) {
    tokens.push(token);
  }
  return tokens;
}

// Not a whole number of portions; a prompt of one token, and one that ends with a pass of one.
test.each([
  ["by seed 1", {}, 20],
  ["by seed 2", { seed: 2 }, 20],
  ["of the base model", { useAdapter: false }, 20],
  ["at temperature 0", { temperature: 0, topP: 1 }, 20],
  ["at temperature 2 with top-p 1", { temperature: 2, topP: 1, maxNewTokens: 8 }, 20],
  ["from a low top-p", { topP: 0.3, maxNewTokens: 9 }, 1],
  ["after a prompt of 129", { maxNewTokens: 17 }, 129],
  ["one alone", { maxNewTokens: 1 }, 64],
] as [string, Partial<SamplingOptions>, number][])(
  "tokens %s are the reference engine's",
  async (_, given, length) => {
    const expected = await tokensOf(reference, given, promptOf(length));
    expect(await tokensOf(engine, given, promptOf(length))).toEqual(expected);
    expect(expected).toHaveLength(given.maxNewTokens ?? options.maxNewTokens);
  },
);

test("draws by two seeds differ, and a seed repeats its tokens", async () => {
  const first = await tokensOf(engine);
  expect(await tokensOf(engine, { seed: 2 })).not.toEqual(first);
  expect(await tokensOf(engine)).toEqual(first);
});

test("an answer ends before its stop token, wherever in a portion that is", async () => {
  const all = await tokensOf(engine);
  for (const [index, token] of all.slice(0, 12).entries()) {
    const expected = all.slice(0, all.indexOf(token));
    expect(await tokensOf(engine, { stopTokens: [token] })).toEqual(expected);
    expect(expected.length).toBeLessThanOrEqual(index);
  }
});

test("an answer without new tokens is empty", async () => {
  expect(await tokensOf(engine, { maxNewTokens: 0 })).toEqual([]);
});

test("an aborted answer ends with the signal's error before its next token", async () => {
  const controller = new AbortController();
  const tokens: number[] = [];
  const answer = async () => {
    for await (const token of engine.generate(promptOf(20), {
      ...options,
      signal: controller.signal,
    })) {
      tokens.push(token);
      if (tokens.length === 5) {
        controller.abort();
      }
    }
  };
  await expect(answer()).rejects.toMatchObject({ name: "AbortError" });
  expect(tokens).toEqual((await tokensOf(engine)).slice(0, 5));
});

const twoMicroBatches: Setting = { ...setting, microBatches: 2 };

test("answers between steps change no bit of a training with two micro-batches", async () => {
  const [alone, asked] = await Promise.all([1, 2].map(() => compiledOf(twoMicroBatches, opened)));
  const expected = await train(alone!, twoMicroBatches, 1, 6);
  const losses: number[] = [];
  for (let step = 1; step <= 6; step++) {
    await tokensOf(asked!, { maxNewTokens: 5, seed: step, useAdapter: step % 2 === 0 });
    const { lossSum, supervisedTokens } = await asked!.step(
      batchesOf(twoMicroBatches, step),
      hyper(step),
    );
    losses.push(lossSum / supervisedTokens);
  }
  expect(losses).toEqual(expected.losses);
  expect(await asked!.readState()).toEqual(expected.last);
  alone!.dispose();
  asked!.dispose();
});

test("an answer has the same bits in memory that training left full of NaN", async () => {
  const own = await compiledOf(setting, opened);
  const state = await own.readState();
  const [logits, tokens] = [await own.nextLogits(promptOf(70), true), await tokensOf(own)];
  const poisoned = structuredClone(state);
  poisoned.tensors.forEach(({ values }) => values.fill(3e38));
  own.writeState(poisoned);
  await expect(own.step(batchesOf(setting, 1), hyper(1))).rejects.toThrow(/Step 1 gave/);
  expect((await own.nextLogits(promptOf(70), true)).every(Number.isFinite)).toBe(false);
  own.writeState(state);
  expect(await own.nextLogits(promptOf(70), true)).toEqual(logits);
  expect(await tokensOf(own)).toEqual(tokens);
  own.dispose();
});

test.each([
  ["a step", (own: Engine) => own.step(batchesOf(setting, 1), hyper(1))],
  ["another answer", (own: Engine) => tokensOf(own, { maxNewTokens: 2 })],
])("%s within an answer ends it with an error instead of wrong tokens", async (_, interrupt) => {
  const own = await compiledOf(setting, opened);
  const answer = own.generate(promptOf(20), options)[Symbol.asyncIterator]();
  expect((await answer.next()).done).toBe(false);
  await interrupt(own);
  await expect(answer.next()).rejects.toThrow("other work ran before an answer's end");
  own.dispose();
});
