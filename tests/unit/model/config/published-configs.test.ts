// config.json of real models, and with the fewest keys of each class, against what transformers
// makes of them.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import {
  attentionFactor,
  inverseFrequencies,
} from "../../../../src/model/config/rope-frequencies.ts";
import { tensorsOf } from "../../../../src/model/tensors.ts";

/** What is not compared as it is; every other key has the name of a field of ModelConfig. */
interface Derived {
  maxPositionEmbeddings: number;
  attentionScale: number;
  activation: string;
  slidingWindow: number | null;
  layerTypes: string[];
  noRopeLayers: number[];
  /** One, or of full and of sliding layers. */
  ropes: { frequencies: number[]; factor: number }[];
  /** Of the first layer, and outside of all layers. */
  tensors: Record<string, number[]>;
}

const text = readFileSync(new URL("../../../golden/configs.json", import.meta.url), "utf8");
const { cases } = JSON.parse(text) as {
  cases: { name: string; config: Record<string, unknown>; derived: Derived }[];
};

/** Phi-3-mini-128k is read for short texts, which its window of 262,144 tokens never cuts. */
const shortened = new Map([["Phi-3-mini-128k", 4096]]);

describe.each(cases)("the published config of $name", ({ name, config: given, derived }) => {
  const { maxPositionEmbeddings, attentionScale, activation, ...others } = derived;
  const { slidingWindow, layerTypes, noRopeLayers, ropes, tensors, ...same } = others;
  const config = parseModelConfig(JSON.stringify(given));
  const isWindowNeeded = (slidingWindow ?? Infinity) < config.maxPositionEmbeddings;

  test("the published config has the numbers of transformers", () => {
    expect(config).toMatchObject(same);
    expect(config.maxPositionEmbeddings).toBe(shortened.get(name) ?? maxPositionEmbeddings);
    expect(config.activation).toBe(activation === "silu" ? "silu" : "gelu-tanh");
    expect(config.attentionScale).toBeCloseTo(attentionScale, 14);
  });

  test("the published config has the layers of transformers", () => {
    expect(config.slidingWindow).toBe(isWindowNeeded ? slidingWindow : null);
    expect(config.layers).toEqual(
      layerTypes.map((type, layer) => ({
        isSliding: isWindowNeeded && type === "sliding_attention",
        hasRope: !noRopeLayers.includes(layer),
      })),
    );
  });

  test("the published config has the RoPE frequencies of transformers", () => {
    const [full, sliding = full] = ropes;
    for (const [rope, expected] of [
      [config.rope, full],
      [config.slidingRope, sliding],
    ] as const) {
      const frequencies = [...inverseFrequencies(config.headDim, rope)];
      expect(frequencies).toHaveLength(expected!.frequencies.length);
      const errors = frequencies.map((value, i) => value / expected!.frequencies[i]! - 1);
      expect(Math.max(...errors.map(Math.abs))).toBeLessThan(2e-7);
      expect(attentionFactor(rope)).toBeCloseTo(expected!.factor, 14);
    }
  });

  test("the published config has the tensors of transformers", () => {
    const first = tensorsOf(config).filter(({ name }) => !/layers\.[1-9]/.test(name));
    const shapes = Object.fromEntries(first.map(({ name, shape }) => [name, shape]));
    expect(shapes).toEqual(tensors);
  });
});
