// LoRA targets, the names and shapes that PEFT writes, and the initial adapter.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  adapterShapes,
  initialAdapter,
  scalingOf,
  type LoraConfig,
} from "../../../src/adapter/lora.ts";
import { countTrainable, loraTargets } from "../../../src/adapter/targets.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";

const golden = new URL("../../golden/gqa-untied/", import.meta.url);
const config = parseModelConfig(await readFile(new URL("config.json", golden), "utf8"));
const lora = (given: Partial<LoraConfig> = {}): LoraConfig => ({
  rank: 3,
  alpha: 6,
  dropout: 0,
  targetModules: allTargetModules,
  ...given,
});
const modulesOf = (given: LoraConfig) => loraTargets(config, given).map(({ module }) => module);

describe("the LoRA targets", () => {
  test("LoRA targets are in forward order layer by layer, whatever the order of their names", () => {
    const modules = ["q", "k", "v", "o"].map((name) => `self_attn.${name}_proj`);
    const expected = [0, 1].flatMap((layer) =>
      [...modules, "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"].map(
        (path) => `model.layers.${layer}.${path}`,
      ),
    );
    expect(modulesOf(lora())).toEqual(expected);
    expect(modulesOf(lora({ targetModules: allTargetModules.toReversed() }))).toEqual(expected);
  });

  test("LoRA targets are the named modules only, by the whole last part of their path", () => {
    expect(modulesOf(lora({ targetModules: ["down_proj", "q_proj"] }))).toEqual([
      "model.layers.0.self_attn.q_proj",
      "model.layers.0.mlp.down_proj",
      "model.layers.1.self_attn.q_proj",
      "model.layers.1.mlp.down_proj",
    ]);
    expect(modulesOf(lora({ targetModules: ["proj"] }))).toEqual([]);
  });
});

describe("the trained tensors", () => {
  test("trained tensors have the names and shapes of the adapter that PEFT wrote", async () => {
    const run = JSON.parse(await readFile(new URL("run.json", golden), "utf8")) as {
      lora: { rank: number; alpha: number; targetModules: string[] };
    };
    const name = "adapter-initial.safetensors";
    const { tensors } = await openSafetensors(
      blobSource(new Blob([await readFile(new URL(name, golden))]), name),
    );
    const shapes = adapterShapes(loraTargets(config, lora(run.lora)), run.lora.rank);
    const written = [...tensors].map(([tensor, { shape }]) => `${tensor} [${shape.join(", ")}]`);
    const own = shapes.map(({ name: tensor, shape }) => `${tensor} [${shape.join(", ")}]`);
    expect(own.toSorted()).toEqual(written.toSorted());
  });

  test("trained tensors are A and B of each target module, target by target", () => {
    const targets = loraTargets(config, lora({ targetModules: ["k_proj", "down_proj"] }));
    const module = (path: string) => `base_model.model.model.layers.0.${path}`;
    expect(adapterShapes(targets, 5).slice(0, 4)).toEqual([
      { name: `${module("self_attn.k_proj")}.lora_A.weight`, shape: [5, 32] },
      { name: `${module("self_attn.k_proj")}.lora_B.weight`, shape: [24, 5] },
      { name: `${module("mlp.down_proj")}.lora_A.weight`, shape: [5, 48] },
      { name: `${module("mlp.down_proj")}.lora_B.weight`, shape: [32, 5] },
    ]);
  });

  test.each([
    // rank * (in + out), both layers: q 32+48, k and v 32+24, o 48+32, gate and up 32+48, down
    // 48+32.
    [allTargetModules, 3, 3 * 2 * (80 + 2 * 56 + 80 + 2 * 80 + 80)],
    [["q_proj", "v_proj"], 8, 8 * 2 * (80 + 56)],
    [["down_proj"], 1, 2 * 80],
  ])("the trained tensors of %j at rank %i have %i parameters", (targetModules, rank, expected) => {
    const targets = loraTargets(config, lora({ targetModules, rank }));
    expect(countTrainable(targets, rank)).toBe(expected);
    const sizes = adapterShapes(targets, rank).map(({ shape }) => shape[0] * shape[1]);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(expected);
    const { tensors } = initialAdapter(targets, rank, 1);
    expect(tensors.reduce((sum, { values }) => sum + values.length, 0)).toBe(expected);
  });

  test("the scaling of an adapter is alpha over rank", () => {
    expect(scalingOf(lora({ rank: 8, alpha: 16 }))).toBe(2);
    expect(scalingOf(lora({ rank: 32, alpha: 8 }))).toBe(0.25);
  });
});

describe("a new adapter", () => {
  const targets = loraTargets(config, lora());
  const start = (seed: number, rank = 64) => initialAdapter(targets, rank, seed).tensors;
  const matrices = (letter: "A" | "B") =>
    start(1).filter(({ name }) => name.endsWith(`lora_${letter}.weight`));

  test("a new adapter has B and all moments at zero, so that training starts from the base model", () => {
    expect(matrices("B")).toHaveLength(14);
    expect(matrices("B").every(({ values }) => values.every((value) => value === 0))).toBe(true);
    for (const { values, moment1, moment2 } of start(1)) {
      expect(moment1).toEqual(new Float32Array(values.length));
      expect(moment2).toEqual(new Float32Array(values.length));
    }
  });

  test("a new adapter has A uniform within 1 / sqrt(in)", () => {
    expect(matrices("A")).toHaveLength(14);
    for (const { shape, values } of matrices("A")) {
      const bound = 1 / Math.sqrt(shape[1]);
      const scaled = values.map((value) => value / bound);
      expect(Math.min(...scaled)).toBeGreaterThanOrEqual(-1);
      expect(Math.max(...scaled)).toBeLessThan(1);
      // Mean 0 and variance 1/3, each within five standard errors of 2,048 draws and more.
      const mean = scaled.reduce((sum, value) => sum + value, 0) / scaled.length;
      const square = scaled.reduce((sum, value) => sum + value * value, 0) / scaled.length;
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(1 / 3 / scaled.length));
      expect(Math.abs(square - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / scaled.length));
    }
  });

  test("a new adapter is drawn from its seed alone, with other numbers for each matrix", () => {
    expect(start(1, 4)).toEqual(start(1, 4));
    const firsts = [1, 2].flatMap((seed) =>
      start(seed, 4)
        .filter((_, index) => index % 2 === 0)
        .map(({ shape, values }) => values[0]! * Math.sqrt(shape[1])),
    );
    expect(new Set(firsts).size).toBe(28);
  });
});
