// The adapter's flat vectors: where each matrix lies, padded ranks, and that packing and unpacking
// undo each other.
import { describe, expect, test } from "vitest";
import { initialAdapter, type LoraConfig } from "../../../../src/adapter/lora.ts";
import { loraTargets } from "../../../../src/adapter/targets.ts";
import type { AdapterState } from "../../../../src/adapter/state.ts";
import { AdapterLayout } from "../../../../src/engine/webgpu/adapter-layout.ts";
import type { Tensor, View } from "../../../../src/gpu/plan.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { uniforms } from "../../../../src/util/random.ts";
import { tinyConfig } from "../../model/tiny-model.ts";
import { sevenModules } from "./models.ts";

const config = parseModelConfig(JSON.stringify(tinyConfig));
const loraOf = (rank: number, targetModules = sevenModules): LoraConfig => ({
  rank,
  alpha: 2 * rank,
  dropout: 0,
  targetModules,
});

/** Values and moments all different from zero and from each other. */
function stateOf(lora: LoraConfig): AdapterState {
  const drawn = (size: number, stream: number) =>
    uniforms(3, stream, size).map((draw) => draw + 0.5 + stream);
  const { tensors } = initialAdapter(loraTargets(config, lora), lora.rank, 1);
  return {
    tensors: tensors.map((tensor, index) => ({
      ...tensor,
      values: drawn(tensor.values.length, 3 * index),
      moment1: drawn(tensor.values.length, 3 * index + 1),
      moment2: drawn(tensor.values.length, 3 * index + 2),
    })),
  };
}

const within = (flat: Float32Array, { offsetBytes, sizeBytes }: View) =>
  flat.subarray(offsetBytes / 4, (offsetBytes + sizeBytes) / 4);

describe.each([1, 3, 4, 5, 8, 16])("the adapter layout of rank %i:", (rank) => {
  const lora = loraOf(rank);
  const layout = new AdapterLayout(config, lora);
  const state = stateOf(lora);

  test("the state unpacked from the device's vectors equals the packed one", async () => {
    const device = new Map([
      [layout.values, layout.pack(state, "values")],
      [layout.moment1, layout.pack(state, "moment1")],
      [layout.moment2, layout.pack(state, "moment2")],
    ]);
    const read = (vector: Tensor) => Promise.resolve(device.get(vector)!);
    expect(await layout.unpack(read)).toEqual(state);
  });

  test("the padding is zero, as AdamW needs it", () => {
    const flat = layout.pack(state, "values");
    const trained = state.tensors.reduce((sum, { values }) => sum + values.length, 0);
    expect(flat.filter((value) => value !== 0)).toHaveLength(trained);
    expect(flat).toHaveLength(layout.elements);
    expect(layout.elements % 4).toBe(0);
  });

  test("each matrix has the device's rank and a valid binding offset, and overlaps no other", () => {
    expect(layout.rank).toBe(Math.ceil(rank / 4) * 4);
    const targets = [...layout.targets.values()];
    let end = 0;
    for (const { a, b, inFeatures, outFeatures } of targets) {
      expect([a.sizeBytes, b.sizeBytes]).toEqual([
        4 * layout.rank * inFeatures,
        4 * layout.rank * outFeatures,
      ]);
      for (const view of [a, b]) {
        expect(view.offsetBytes % 256).toBe(0);
        expect(view.offsetBytes).toBeGreaterThanOrEqual(end);
        end = view.offsetBytes + view.sizeBytes;
      }
    }
    expect(end).toBeLessThanOrEqual(4 * layout.elements);
    expect(targets.map(({ index }) => index)).toEqual(targets.map((_, index) => index));
  });
});

test("an adapter of rank 3 is padded with a row of zeros in A and a column of zeros in B", () => {
  const lora = loraOf(3, ["k_proj"]);
  const layout = new AdapterLayout({ ...config, numHiddenLayers: 1 }, lora);
  const counted = (size: number, from: number) =>
    Float32Array.from({ length: size }, (_, i) => from + i);
  const moments = (size: number) => ({
    moment1: new Float32Array(size),
    moment2: new Float32Array(size),
  });
  const module = "model.layers.0.self_attn.k_proj";
  const name = `base_model.model.${module}`;
  const state: AdapterState = {
    tensors: [
      { name: `${name}.lora_A.weight`, shape: [3, 8], values: counted(24, 1), ...moments(24) },
      { name: `${name}.lora_B.weight`, shape: [4, 3], values: counted(12, 101), ...moments(12) },
    ],
  };
  const flat = layout.pack(state, "values");
  const { a, b, gradientA, gradientB } = layout.targets.get(module)!;
  expect([...within(flat, a)]).toEqual([...counted(24, 1), 0, 0, 0, 0, 0, 0, 0, 0]);
  expect([...within(flat, b)]).toEqual(
    [101, 102, 103, 0].concat([104, 105, 106, 0], [107, 108, 109, 0], [110, 111, 112, 0]),
  );
  expect(a).toMatchObject({ tensor: layout.values, offsetBytes: 0 });
  expect(gradientA).toEqual({ ...a, tensor: layout.gradients });
  expect(gradientB).toEqual({ ...b, tensor: layout.gradients });
  expect(layout.scaling).toBe(2);
});

test("a state of another adapter is refused", () => {
  const layout = new AdapterLayout(config, loraOf(4));
  const pack = (lora: LoraConfig) => () => layout.pack(stateOf(lora), "values");
  expect(pack(loraOf(4))).not.toThrow();
  expect(pack(loraOf(3))).toThrow("the tensors of the state differ from those of the engine");
  expect(pack(loraOf(4, ["q_proj"]))).toThrow(
    "the tensors of the state differ from those of the engine",
  );
});
