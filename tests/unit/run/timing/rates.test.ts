// The time of a run from its rates, which rates hold for which run, and batches to measure with.
import { describe, expect, test } from "vitest";
import { IGNORED } from "../../../../src/data/batching/batch.ts";
import { TokenRows } from "../../../../src/data/token-rows.ts";
import { TokenStore } from "../../../../src/data/token-store.ts";
import { defaultRecipe } from "../../../../src/recipe/recipe.ts";
import {
  durationOf,
  RateBook,
  rateKey,
  type RateSubject,
} from "../../../../src/run/timing/rates.ts";
import { spreadBatches } from "../../../../src/run/timing/spread-batches.ts";

test("a run takes the time of its opening and of the tokens that it computes", () => {
  const rates = { openMs: 1000, tokenMs: 0.5, heldOutTokenMs: 0.25 };
  expect(durationOf({ training: 4000, heldOut: 600 }, rates)).toBe(3150);
});

describe("the key of rates", () => {
  const subject: RateSubject = {
    engine: "webgpu",
    device: "GPU",
    model: ["hash", "stored"],
    recipe: defaultRecipe,
    shape: { rows: 4, length: 64 },
    isWeighted: false,
    trainedTokensPerRow: 20,
  };
  const isSame = (given: Partial<RateSubject>) =>
    rateKey({ ...subject, ...given }) === rateKey(subject);

  test("rates hold for another learning rate, and for about as many trained tokens", () => {
    const recipe = { ...defaultRecipe, learningRate: 1, epochs: 9, seed: 1 };
    expect(isSame({ recipe })).toBe(true);
    expect(isSame({ trainedTokensPerRow: 21 })).toBe(true);
  });

  test.each<[string, Partial<RateSubject>]>([
    ["device", { device: "another" }],
    ["weight format", { model: ["hash", "q4"] }],
    ["shape", { shape: { rows: 4, length: 72 } }],
    ["rank", { recipe: { ...defaultRecipe, rank: 8 } }],
    ["packing", { recipe: { ...defaultRecipe, packing: true } }],
    ["number of trained tokens", { trainedTokensPerRow: 40 }],
  ])("rates do not hold for another %s", (_, given) => {
    expect(isSame(given)).toBe(false);
  });
});

test("rates are kept, and what another version wrote is not taken for rates", async () => {
  const kept = new Map<string, string>();
  const book = new RateBook({
    get: (key) => Promise.resolve(kept.get(key)),
    set: (key, value) => Promise.resolve(void kept.set(key, value)),
  });
  const rates = { openMs: 1, tokenMs: 2.5, heldOutTokenMs: 0 };
  await book.set("key", rates);
  expect(await book.get("key")).toEqual(rates);
  const older = '{"openMs": 1, "batchMs": 2, "evaluationMs": 0}';
  for (const text of ["null", "{}", older, '{"openMs": 1, "tokenMs": "2", "heldOutTokenMs": 0}']) {
    kept.set("key", text);
    expect(await book.get("key")).toBeNull();
  }
  expect(await book.get("another")).toBeNull();
});

describe("batches to measure with", () => {
  /** Rows of these lengths; the last token of each is trained, and the first is its number. */
  function rowsOf(...lengths: number[]): TokenRows {
    const store = new TokenStore();
    lengths.forEach((length, index) => {
      const tokens = Array.from({ length }, (_, place) => (place === 0 ? 100 + index : place));
      const isTrained = tokens.map((_, place) => place === length - 1);
      store.add({ line: index + 1, tokens, isTrained, fullLength: length });
    });
    return new TokenRows(store, Infinity);
  }
  const firstTokens = (rows: TokenRows, count: number, isPacked = false) =>
    spreadBatches(rows, { rows: 2, length: 8 }, isPacked, count).map(
      ({ tokens, positions, segments }) =>
        [...tokens].filter((_, at) => positions[at] === 0 && segments[at] !== 0),
    );

  test("batches are taken from the first rows to the last", () => {
    const rows = rowsOf(4, 4, 4, 4, 4, 4, 4, 4, 4);
    expect(firstTokens(rows, 3)).toEqual([
      [100, 101],
      [103, 104],
      [107, 108],
    ]);
    expect(firstTokens(rows, 1)).toEqual([[100, 101]]);
    expect(firstTokens(rowsOf(4), 3)).toEqual([[100]]);
    expect(firstTokens(rowsOf(), 3)).toEqual([]);
  });

  test("packed batches hold as many rows as fit", () => {
    expect(firstTokens(rowsOf(4, 4, 4, 4, 4), 1, true)).toEqual([[100, 101, 102, 103]]);
  });

  test("a row longer than the shape gives its end, where the answer is", () => {
    const [batch] = spreadBatches(rowsOf(20), { rows: 1, length: 8 }, false, 1);
    expect([...batch!.tokens]).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
    expect([...batch!.targets].filter((target) => target !== IGNORED)).toEqual([19]);
  });

  test("a batch without a trained token is left out", () => {
    expect(spreadBatches(rowsOf(1, 1), { rows: 1, length: 8 }, false, 2)).toEqual([]);
  });
});
