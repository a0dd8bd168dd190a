// Proofs of the draw of a token: weights by hand and against exp, tokens against the sampler of the
// reference engine, which sorts in f64; ties, the edges of top-p, and counts around every boundary.
import { describe, expect, test } from "vitest";
import { sampleToken, uniformOf } from "../../../src/engine/sampling.ts";
import { persistent } from "../../../src/gpu/plan.ts";
import { argmax } from "../../../src/kernels/argmax/kernel.ts";
import { drawToken } from "../../../src/kernels/token-draw/kernel.ts";
import { packSettings, powersOfTwo } from "../../../src/kernels/token-draw/settings.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

interface Draw {
  temperature: number;
  topP: number;
  uniform: number;
}

type Logits = Float32Array<ArrayBuffer>;

/** Draws from the same logits, one after the other; what lies behind them would win. */
async function drawn(logits: Logits, draws: readonly Draw[]): Promise<number[]> {
  const tensors = new TestTensors();
  const padded = new Float32Array(Math.ceil(logits.length / 4) * 4).fill(1e30);
  padded.set(logits);
  const given = tensors.given("logits", padded);
  const best = tensors.output("best", 1);
  const powers = tensors.given("powers", powersOfTwo());
  const chosen = tensors.output("chosen", draws.length);
  const tokens = draws.map((_, slot) => tensors.output(`token ${slot}`, 1));
  const runs = draws.flatMap((draw, slot) =>
    drawToken(logits.length, {
      logits: given,
      best,
      settings: tensors.given(`settings ${slot}`, packSettings({ ...draw, slot })),
      powers,
      token: tokens[slot]!,
      chosen,
    }),
  );
  const first = argmax(logits.length, { logits: given, token: best });
  const results = await runOnGpu([first, ...runs], tensors, [chosen, ...tokens]);
  const [all, ...single] = results.map((bits) => new Uint32Array(bits.buffer));
  expect(single.map(([token]) => token)).toEqual([...all!]);
  return [...all!];
}

/** Weights as shares of the largest. */
async function weightsOf(logits: Logits, temperature: number): Promise<number[]> {
  const tensors = new TestTensors();
  const [weigh] = drawToken(logits.length, {
    logits: tensors.given("logits", logits),
    best: tensors.given("best", Uint32Array.of(logits.indexOf(Math.max(...logits)))),
    settings: tensors.given(
      "settings",
      packSettings({ temperature, topP: 1, uniform: 0, slot: 0 }),
    ),
    powers: tensors.given("powers", powersOfTwo()),
    token: persistent("token", 1),
    chosen: persistent("chosen", 1),
  });
  const weights = weigh.views[4]!.tensor;
  const kept = tensors.output("kept weights", 2 * logits.length);
  const views = weigh.views.map((view) =>
    view.tensor === weights ? { ...view, tensor: kept } : view,
  );
  const [bits] = await runOnGpu([{ ...weigh, views }], tensors, [kept]);
  const halves = new Uint32Array(bits!.buffer);
  return Array.from(
    logits,
    (_, i) => halves[logits.length + i]! * 2 ** -12 + halves[i]! * 2 ** -44,
  );
}

const options = { seed: 3, temperature: 0.8, topP: 0.95 };

/** The draws of the first `count` tokens of an answer, here and by the reference engine. */
async function bothWays(
  logits: Logits,
  count: number,
  given: Partial<typeof options> = {},
): Promise<{ here: number[]; there: number[] }> {
  const all = { ...options, ...given };
  const indices = Array.from({ length: count }, (_, index) => index);
  const draws = indices.map((index) => ({ ...all, uniform: uniformOf(all.seed, index) }));
  return {
    here: await drawn(logits, draws),
    there: indices.map((index) => sampleToken(logits, all, index)),
  };
}

const scaled = (count: number, seed: number, by: number): Logits =>
  randoms(count, seed).map((value) => by * value);

describe("a draw worked out by hand", () => {
  // Shares 1/2, 1/8, 1/4, 1/8 of tokens 0 to 3: in order 0, 2, 1, 3.
  const halvings = Float32Array.from([0, -2, -1, -2], (power) => power * Math.LN2);
  const at = (uniform: number, topP = 1) => ({ temperature: 1, topP, uniform });

  test("a draw of tokens 1/2, 1/8, 1/4 and 1/8 likely goes by the sums in their order", async () => {
    const uniforms = [0, 0.499, 0.501, 0.749, 0.751, 0.874, 0.876, 1 - 2 ** -24];
    expect(
      await drawn(
        halvings,
        uniforms.map((uniform) => at(uniform)),
      ),
    ).toEqual([0, 0, 2, 2, 1, 1, 3, 3]);
  });

  test("a draw keeps the fewest tokens that reach top-p, and one at least", async () => {
    const last = 1 - 2 ** -24;
    const topPs = [0, 0.49, 0.51, 0.74, 0.76, 0.86, 0.88];
    expect(
      await drawn(
        halvings,
        topPs.map((topP) => at(last, topP)),
      ),
    ).toEqual([0, 0, 2, 2, 1, 1, 3]);
  });

  test("a draw at the very edge of top-p takes no token more, as with equal logits", async () => {
    const equal = new Float32Array(4).fill(-7.5);
    const last = 1 - 2 ** -24;
    const topPs = [0.25, 0.2501, 0.5, 0.75, 0.7501, 1];
    expect(
      await drawn(
        equal,
        topPs.map((topP) => at(last, topP)),
      ),
    ).toEqual([0, 1, 1, 2, 3, 3]);
  });

  test("a draw at temperature 0 takes the first of the largest", async () => {
    const greedy = { temperature: 0, topP: 0.9, uniform: 0.99 };
    expect(await drawn(Float32Array.of(1, 5, -2, 5), [greedy])).toEqual([1]);
    expect(await drawn(Float32Array.of(0.5), [greedy, at(0.7)])).toEqual([0, 0]);
  });

  test("a draw never takes a token that is not a number or of no probability", async () => {
    const odd = Float32Array.of(-Infinity, 2, NaN, 2, -3e38, -0, 1e-42);
    const uniforms = [0, 0.4, 0.49, 0.6, 0.85, 0.9, 0.99];
    const tokens = await drawn(
      odd,
      uniforms.map((uniform) => at(uniform)),
    );
    expect(tokens).toEqual([1, 1, 3, 3, 3, 5, 6]);
  });
});

test.each([1, 0.8, 0.1, 0.013, 2, 17, 500])(
  "weights at temperature %f are exp of the logits to the last of 44 bits",
  async (temperature) => {
    const logits = Float32Array.of(30.25, ...scaled(4000, 5, 30), 0, -0, 1e-30, 29.999998, 30);
    const actual = await weightsOf(logits, temperature);
    const gaps = actual.map(
      (weight, i) => Math.abs(weight - Math.exp((logits[i]! - 30.25) / temperature)) * 2 ** 44,
    );
    expect(Math.max(...gaps)).toBeLessThan(1);
    expect(actual[0]).toBe(1);
  },
);

// Bins are 256, a workgroup has 256 threads; ids gain a bit behind powers of two; Llama 3's and
// Gemma 3's vocabularies.
test.each([1, 2, 3, 4, 5, 255, 256, 257, 1023, 1024, 1025, 65_536, 65_537, 128_256, 262_144])(
  "draws from %i tokens are the reference engine's",
  async (count) => {
    const { here, there } = await bothWays(scaled(count, count, 8), count > 2000 ? 6 : 12);
    expect(here).toEqual(there);
    expect(new Set(there).size).toBeGreaterThan(count > 4 ? 1 : 0);
  },
);

test.each([
  ["a flat distribution", 3000, 0.001, {}],
  ["a steep one", 3000, 60, {}],
  ["logits of one bit's difference", 3000, 1e-6, { topP: 0.5 }],
  ["a high temperature", 3000, 20, { temperature: 2 }],
  ["a low temperature", 3000, 8, { temperature: 0.05 }],
  ["top-p 1", 3000, 8, { topP: 1 }],
  ["a small top-p", 3000, 8, { topP: 0.1 }],
  ["another seed", 3000, 8, { seed: 4_000_000_000 }],
] as [string, number, number, Partial<typeof options>][])(
  "draws with %s are the reference engine's",
  async (_, count, by, given) => {
    const { here, there } = await bothWays(scaled(count, 9, by), 24, given);
    expect(here).toEqual(there);
  },
);

test.each([0.3, 0.95, 1])(
  "draws among many ties are the reference engine's, top-p %f",
  async (topP) => {
    const steps = randoms(5000, 2).map((value) => Math.round(4 * value));
    const { here, there } = await bothWays(steps, 24, { topP });
    expect(here).toEqual(there);
    const equal = await bothWays(new Float32Array(5000).fill(3), 24, { topP });
    expect(equal.here).toEqual(equal.there);
  },
);

test("draws of another seed are not those of this one", async () => {
  const logits = scaled(3000, 9, 4);
  const [one, other] = [await bothWays(logits, 12), await bothWays(logits, 12, { seed: 4 })];
  expect(one.here).not.toEqual(other.there);
});
