// The tensors of a model: which models have kernels, how many tables of cos and sin there are and
// which layer reads which, and tensors too large for a device's bindings.
import { describe, expect, test } from "vitest";
import { designRun } from "../../../../src/engine/webgpu/design.ts";
import { requireTensorsFit, requireWeightsFit } from "../../../../src/engine/webgpu/limits.ts";
import {
  describeModelTensors,
  isSupported,
  rotationOf,
} from "../../../../src/engine/webgpu/model-tensors.ts";
import { defaultTiles } from "../../../../src/kernels/matmul/tile.ts";
import { weightShapes, type WeightChoice } from "../../../../src/model/weights/store.ts";
import { madeUpConfig } from "../../../support/made-up-model.ts";
import type { LayerKind, ModelConfig } from "../../../../src/model/config/model-config.ts";

const full: LayerKind = { isSliding: false, hasRope: true };
const sliding: LayerKind = { isSliding: true, hasRope: true };
const still: LayerKind = { isSliding: false, hasRope: false };
const lora = { rank: 4, alpha: 8, dropout: 0, targetModules: ["q_proj"] };

function modelTensorsOf(config: ModelConfig) {
  const shapes = weightShapes(config, { format: "f32" });
  return describeModelTensors(config, lora, shapes, 100, defaultTiles);
}

describe("the RoPE tables of a model", () => {
  const rope = { theta: 1e6, scaling: { kind: "linear", factor: 8 } } as const;
  const slidingRope = { theta: 1e4, scaling: null };

  test("the RoPE tables are shared by layers with equal RoPE parameters, even in separate objects", () => {
    const layers = [full, sliding, still];
    const config = { layers, slidingWindow: 4, slidingRope: { theta: 10000, scaling: null } };
    const model = modelTensorsOf(madeUpConfig({ ...config, numHiddenLayers: 3 }));
    expect(model.rotations).toHaveLength(1);
    expect(rotationOf(model, 0)).toBe(rotationOf(model, 1));
    expect(rotationOf(model, 2)).toBeNull();
  });

  test("a model whose sliding layers have other frequencies has two RoPE tables", () => {
    const layers = [sliding, full];
    const model = modelTensorsOf(madeUpConfig({ layers, slidingWindow: 4, rope, slidingRope }));
    expect([0, 1].map((layer) => rotationOf(model, layer)?.rope)).toEqual([slidingRope, rope]);
    expect(model.rotations).toHaveLength(2);
  });

  test("a model without RoPE has no RoPE tables", () => {
    expect(modelTensorsOf(madeUpConfig({ layers: [still, still] })).rotations).toEqual([]);
  });
});

describe("isSupported", () => {
  /** Widths of released models. */
  test.each([
    ["Qwen2.5-0.5B", { hiddenSize: 896, headDim: 64, numAttentionHeads: 14, numKeyValueHeads: 2 }],
    ["Qwen3-0.6B", { hiddenSize: 1024, headDim: 128, numAttentionHeads: 16, numKeyValueHeads: 8 }],
    ["SmolLM2-135M", { hiddenSize: 576, headDim: 64, numAttentionHeads: 9, numKeyValueHeads: 3 }],
    ["Gemma-3-270M", { hiddenSize: 640, headDim: 256, numAttentionHeads: 4, numKeyValueHeads: 1 }],
    ["Phi-3-mini", { hiddenSize: 3072, headDim: 96, numAttentionHeads: 32, isFused: true }],
  ])("isSupported accepts the widths of %s", (_, given) => {
    expect(isSupported(madeUpConfig(given))).toBe(true);
  });

  test.each([
    ["heads of 260", { headDim: 260 }],
    ["heads of 4", { headDim: 4 }],
    ["heads of 10", { headDim: 10 }],
    ["an MLP of 62", { intermediateSize: 62 }],
    ["a hidden size of 34", { hiddenSize: 34 }],
  ])("isSupported refuses %s", (_, given) => {
    expect(isSupported(madeUpConfig(given))).toBe(false);
  });
});

describe("tensors too large for a device's bindings", () => {
  /** Gemma 3's table, over two small layers. */
  const config = madeUpConfig({ vocabSize: 262_144, hiddenSize: 1152, headDim: 64 });
  const designOf = (choice: WeightChoice) => {
    const options = { config, lora, shape: { rows: 1, length: 8 } };
    const described = { ...options, weightShapes: weightShapes(config, choice) };
    return designRun(described, { rowsPerPass: 1, keptLayers: 0 });
  };
  const ofBytes = (bytes: number) => ({ maxStorageBufferBindingSize: bytes, maxBufferSize: bytes });

  test("weights too large for a binding are reported with name, format, both sizes and the limit", () => {
    const { model } = designOf({ format: "f16" });
    expect(() => {
      requireWeightsFit(model, {
        maxStorageBufferBindingSize: 2 ** 27,
        maxBufferSize: 2 ** 28,
      });
    }).toThrow(
      "model.embed_tokens.weight takes 604 MB in f16, but one buffer of this GPU holds at most 134 MB (maxStorageBufferBindingSize).",
    );
    expect(() => {
      requireWeightsFit(model, { maxStorageBufferBindingSize: 2 ** 30, maxBufferSize: 2e8 });
    }).toThrow(/at most 200 MB \(maxBufferSize\)/);
    requireWeightsFit(model, ofBytes(2 ** 30));
  });

  test("weights too large in one format fit in a smaller one", () => {
    const table = 262_144 * 1152;
    const { model, programs } = designOf({ format: "q4", groupSize: 64 });
    requireWeightsFit(model, ofBytes(table / 2));
    requireTensorsFit(programs, ofBytes(table / 2));
    expect(() => {
      requireWeightsFit(model, ofBytes(table / 2 - 4));
    }).toThrow(/in q4/);
  });

  test("working tensors too large for a binding are reported too", () => {
    const { programs } = designOf({ format: "q4", groupSize: 64 });
    expect(() => {
      requireTensorsFit(programs, ofBytes(1e6));
    }).toThrow(/but one buffer of this GPU holds at most 1.0 MB/);
  });
});
