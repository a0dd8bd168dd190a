// One adapter of pairs with several ranks and scalings: by hand, and that it computes the same.
import { describe, expect, test } from "vitest";
import type { LoraTarget } from "../../../src/adapter/targets.ts";
import { uniformAdapter, type LoraPair } from "../../../src/adapter/uniform.ts";

const targets = ["x.q_proj", "x.v_proj", "x.o_proj"].map((module): LoraTarget => ({
  module,
  inFeatures: 2,
  outFeatures: 3,
  nameA: `${module}.A`,
  nameB: `${module}.B`,
}));

/** A counts from 1, B from 10. */
function pair(rank: number, alpha: number): LoraPair {
  return {
    a: { shape: [rank, 2], values: Float32Array.from({ length: 2 * rank }, (_, i) => i + 1) },
    b: { shape: [3, rank], values: Float32Array.from({ length: 3 * rank }, (_, i) => i + 10) },
    alpha,
  };
}

describe("an adapter of several ranks and scalings", () => {
  test("equal pairs stay bit for bit, with their alpha", () => {
    const pairs = new Map(targets.map(({ module }) => [module, pair(2, 0.3)]));
    const { rank, alpha, adapter, padded, scaled, empty } = uniformAdapter(pairs, targets);
    expect({ rank, alpha, padded, scaled, empty }).toEqual({
      ...{ rank: 2, alpha: 0.3, padded: [], scaled: [], empty: [] },
    });
    expect(adapter.tensors.map(({ name }) => name)).toEqual(
      targets.flatMap(({ nameA, nameB }) => [nameA, nameB]),
    );
    expect(adapter.tensors[1]).toMatchObject({ shape: [3, 2], values: pair(2, 0.3).b.values });
  });

  test("a lower rank is filled up with zeros, and a target without a pair is zeros", () => {
    // Both have alpha / rank = 2.
    const pairs = new Map([
      ["x.q_proj", pair(2, 4)],
      ["x.v_proj", pair(1, 2)],
    ]);
    const { rank, alpha, adapter, padded, scaled, empty } = uniformAdapter(pairs, targets);
    expect({ rank, alpha, padded, scaled, empty }).toEqual({
      ...{ rank: 2, alpha: 4, padded: ["x.v_proj"], scaled: [], empty: ["x.o_proj"] },
    });
    const [, , a, b, zeroA, zeroB] = adapter.tensors.map(({ values }) => [...values]);
    expect(a).toEqual([1, 2, 0, 0]);
    expect(b).toEqual([10, 0, 11, 0, 12, 0]);
    expect([...zeroA!, ...zeroB!]).toEqual(Array<number>(10).fill(0));
  });

  test("the scaling of most pairs is kept, and another is folded into B", () => {
    const pairs = new Map([
      ["x.q_proj", pair(1, 6)],
      ["x.v_proj", pair(2, 4)],
      ["x.o_proj", pair(2, 4)],
    ]);
    const { alpha, adapter, scaled } = uniformAdapter(pairs, targets);
    expect({ alpha, scaled }).toEqual({ alpha: 4, scaled: ["x.q_proj"] });
    // 6 / 1 is three times 4 / 2.
    expect([...adapter.tensors[1]!.values]).toEqual([30, 0, 33, 0, 36, 0]);
  });
});
