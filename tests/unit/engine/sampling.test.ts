// Sampling: the next token from logits, greedy or by one seeded draw, and the loop of generation.
import { describe, expect, test } from "vitest";
import { sampleToken, untilStop } from "../../../src/engine/sampling.ts";

const probabilities = [0.05, 0.4, 0.15, 0.3, 0.1];
const logits = Float32Array.from(probabilities, (share) => Math.log(share) + 3);
const options = { temperature: 1, topP: 1, seed: 7 };
const draws = 20_000;

/** How often each token comes in a text of many tokens. */
function sharesOf(given: Partial<typeof options>): number[] {
  const counts = probabilities.map(() => 0);
  for (let index = 0; index < draws; index++) {
    counts[sampleToken(logits, { ...options, ...given }, index)]! += 1 / draws;
  }
  return counts;
}

/** Within four standard errors of each. */
function expectShares(actual: readonly number[], expected: readonly number[]) {
  const total = expected.reduce((sum, weight) => sum + weight, 0);
  expected.forEach((weight, token) => {
    const share = weight / total;
    const error = Math.sqrt((share * (1 - share)) / draws);
    expect(Math.abs(actual[token]! - share)).toBeLessThanOrEqual(4 * error);
  });
}

describe("sampling", () => {
  test("sampling at temperature 0 picks the most likely token, the first of equals, for any seed", () => {
    const greedy = (values: number[], seed = 7) =>
      sampleToken(Float32Array.from(values), { ...options, temperature: 0, seed }, 0);
    expect(greedy([...logits])).toBe(1);
    expect([1, 2, 3].map((seed) => greedy([-5, 2, 2, -1], seed))).toEqual([1, 1, 1]);
    expect(greedy([-1e30, -1e38])).toBe(0);
  });

  test("sampling at temperature 1 follows the probabilities", () => {
    expectShares(sharesOf({}), probabilities);
  });

  test.each([0.5, 2])(
    "sampling at temperature %f follows powers of the probabilities",
    (temperature) => {
      const powers = probabilities.map((share) => share ** (1 / temperature));
      expectShares(sharesOf({ temperature }), powers);
    },
  );

  test("sampling with top-p draws from the fewest tokens that reach it, in their proportions", () => {
    expectShares(sharesOf({ topP: 0.6 }), [0, 0.4, 0, 0.3, 0]);
    expectShares(sharesOf({ topP: 0.75 }), [0, 0.4, 0.15, 0.3, 0]);
    expectShares(sharesOf({ topP: 0.96 }), probabilities);
  });

  test("sampling with a small top-p or temperature picks the most likely token", () => {
    expect(sharesOf({ topP: 0.001 })[1]).toBeCloseTo(1);
    expect(sharesOf({ topP: 0 })[1]).toBeCloseTo(1);
    expect(sharesOf({ temperature: 0.001 })[1]).toBeCloseTo(1);
  });

  test("sampling depends on the seed and the index alone", () => {
    const text = (seed: number) =>
      Array.from({ length: 40 }, (_, index) => sampleToken(logits, { ...options, seed }, index));
    expect(text(7)).toEqual(text(7));
    expect(text(7)).not.toEqual(text(8));
    expect(new Set(text(7)).size).toBeGreaterThan(2);
  });

  test("sampling accepts logits that are huge, far apart or minus infinity", () => {
    const values = Float32Array.of(3e38, -3e38, -Infinity);
    for (let index = 0; index < 50; index++) {
      expect(sampleToken(values, options, index)).toBe(0);
    }
  });
});

describe("the end of generation", () => {
  /** @returns the tokens that pass, and how many were made */
  const run = async (given: { stopTokens?: number[]; signal?: AbortSignal }) => {
    let made = 0;
    const source = async function* () {
      for (; made < 5; made++) {
        yield await Promise.resolve(10 + made);
      }
    };
    const tokens: number[] = [];
    for await (const token of untilStop(source(), { stopTokens: [], ...given })) {
      tokens.push(token);
    }
    return { tokens, made };
  };

  test("generation without a stop token passes every token", async () => {
    expect(await run({})).toEqual({ tokens: [10, 11, 12, 13, 14], made: 5 });
  });

  test("generation ends at a stop token, leaves it out and makes no other", async () => {
    expect(await run({ stopTokens: [9, 12] })).toEqual({ tokens: [10, 11], made: 2 });
  });

  test("generation ends with the signal's error", async () => {
    await expect(run({ signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});
