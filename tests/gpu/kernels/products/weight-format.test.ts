// Proofs of the weight readers: what load_quad gives is what the decoder gives, for every format,
// group and odd row count.
import { describe, expect, test } from "vitest";
import { defineKernel } from "../../../../src/gpu/kernel.ts";
import { dispatch, type Tensor } from "../../../../src/gpu/plan.ts";
import { embedding } from "../../../../src/kernels/embedding/kernel.ts";
import { linear, linearBackward } from "../../../../src/kernels/matmul/kernel.ts";
import { matvec } from "../../../../src/kernels/matvec/kernel.ts";
import {
  storedWeight,
  weightBindings,
  weightReader,
} from "../../../../src/kernels/weight-format/format.ts";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import {
  weightBytes,
  type ScaleType,
  type WeightShape,
} from "../../../../src/model/weight-format/format.ts";
import { f32ToBf16, f32ToF16 } from "../../../../src/util/bytes.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";
import { encodeWeight } from "../../../support/weights.ts";

const copyQuads = `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3u) {
  if (id.x < params.quads) {
    values[id.x] = load_quad(id.x);
  }
}`;

/** Every quad of the matrix, as a kernel sees it. */
async function readOnGpu(
  shape: WeightShape,
  stored: ReturnType<typeof encodeWeight>,
): Promise<Float32Array> {
  const { format, rows, cols } = shape;
  const quads = (rows * cols) / 4;
  const tensors = new TestTensors();
  const weight: Record<string, Tensor> = {};
  for (const [name, bytes] of Object.entries(stored)) {
    weight[name] = tensors.given(name, new Uint32Array(bytes));
  }
  const values = tensors.output("values", rows * cols);
  const kernel = defineKernel({
    name: "copy-quads",
    source: copyQuads,
    definitions: weightReader(shape),
    bindings: { ...weightBindings(format), values: { use: "out", element: "vec4f" } },
    params: { quads: "u32" },
  });
  const copy = dispatch(kernel, {
    tensors: { ...weight, values },
    params: { quads },
    grid: [Math.ceil(quads / 64), 1, 1],
    work: quads,
  });
  const [result = new Float32Array()] = await runOnGpu([copy], tensors, [values]);
  return result;
}

/**
 * Numbers of very different sizes, zeros among them, so that scales and biases differ from group to
 * group.
 */
function weights(rows: number, cols: number): Float32Array<ArrayBuffer> {
  const values = randoms(rows * cols, rows + cols);
  values.forEach((value, i) => {
    values[i] = i % 11 === 0 ? 0 : value * 2 ** ((i >>> 5) % 9) * 0.01;
  });
  return values;
}

describe("decoding by hand:", () => {
  const one = (value: number) => f32ToF16(Float32Array.of(value))[0]!;

  test("a q4 word holds the first value in its lowest nibble", async () => {
    const shape: WeightShape = { format: "q4", rows: 1, cols: 32, groupSize: 32 };
    const weight = Uint32Array.of(0x76543210, 0xfedcba98, 0, 0xffffffff).buffer;
    const scales = Uint32Array.of(((one(-4) << 16) | one(0.5)) >>> 0).buffer;
    expect([...(await readOnGpu(shape, { weight, scales }))]).toEqual([
      ...Array.from({ length: 16 }, (_, i) => i / 2 - 4),
      ...new Array<number>(8).fill(-4),
      ...new Array<number>(8).fill(3.5),
    ]);
  });

  test("a q8 word holds the first value in its lowest byte, and each group has its own scale", async () => {
    const shape: WeightShape = { format: "q8", rows: 2, cols: 32, groupSize: 32 };
    const weight = new Uint32Array(16).fill(0xff800201).buffer;
    const scales = Uint32Array.of((one(1) << 16) | one(2), (one(0) << 16) | one(-1)).buffer;
    const values = await readOnGpu(shape, { weight, scales });
    expect([...values.subarray(28, 36)]).toEqual([3, 5, 257, 511, -1, -2, -128, -255]);
  });

  test("the absmax of nf4 is map[byte] * nested + offset", async () => {
    const shape: WeightShape = { format: "nf4", rows: 1, cols: 128 };
    const tables = new Float32Array(274);
    tables.set([-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 1]); // the rest of the 16 stays 0
    tables.set([0, 0.5, 1], 16);
    tables[272] = 3;
    tables[273] = 2;
    const weight = new Uint32Array(16).fill(0x76543210).buffer;
    const scales = Uint32Array.of(0x0201).buffer;
    const values = await readOnGpu(shape, { weight, scales, tables: tables.buffer });
    expect([...values.subarray(56, 72)]).toEqual([
      ...[-4, -3, -2, -1, 0, 1, 2, 4],
      ...[-5, -3.75, -2.5, -1.25, 0, 1.25, 2.5, 5],
    ]);
  });
});

const affine = (["q8", "q4"] as const).flatMap((format) =>
  [32, 64, 128].flatMap((groupSize) =>
    [
      [1, 128],
      [3, 384],
      [37, 128],
    ].map(([rows = 0, cols = 0]): WeightShape => ({ format, rows, cols, groupSize })),
  ),
);
const others = (["f32", "f16"] as const).flatMap((format) =>
  [
    [1, 4],
    [3, 60],
    [65, 68],
  ].map(([rows = 0, cols = 0]): WeightShape => ({ format, rows, cols })),
);

test.each([...others, ...affine])(
  "a $format weight [$rows, $cols] in groups of $groupSize has the decoder's bits",
  async (shape) => {
    const stored = encodeWeight(shape, weights(shape.rows, shape.cols));
    const expected = decodeWeight(shape, stored);
    expect(await readOnGpu(shape, stored)).toEqual(expected);
  },
);

/** Codes of every kind, and scales and biases of many sizes as a file may have them. */
function scaledBy(scaleType: ScaleType, shape: WeightShape): ReturnType<typeof encodeWeight> {
  const sizes = weightBytes(shape);
  const weight = new Uint32Array(sizes.weight! / 4).map((_, i) => Math.imul(i + 1, 0x9e3779b1));
  const count = sizes.scales! / (scaleType === "f32" ? 4 : 2);
  const drawn = weights(1, count + 1).slice(1); // the first is zero
  const narrow = {
    f32: (values: Float32Array<ArrayBuffer>) => values,
    f16: f32ToF16,
    bf16: f32ToBf16,
  };
  const scales = narrow[scaleType](drawn);
  return { weight: weight.buffer, scales: scales.buffer };
}

test.each(affine)(
  "a $format weight [$rows, $cols] in groups of $groupSize with bf16 scales has the decoder's bits",
  async (affineShape) => {
    const shape: WeightShape = { ...affineShape, scaleType: "bf16" };
    const stored = scaledBy("bf16", shape);
    const expected = decodeWeight(shape, stored);
    expect(await readOnGpu(shape, stored)).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThanOrEqual(16);
  },
);

test.each(affine)(
  "a $format weight [$rows, $cols] in groups of $groupSize with f32 scales has the decoder's values",
  async (affineShape) => {
    const shape: WeightShape = { ...affineShape, scaleType: "f32" };
    const stored = scaledBy("f32", shape);
    const expected = decodeWeight(shape, stored);
    const actual = await readOnGpu(shape, stored);
    // A device may fuse the product with the sum; then one rounding of the product, below 256
    // scales, is left out.
    const largest = 256 * Math.max(...new Float32Array(stored.scales!).map(Math.abs));
    const worst = actual.reduce(
      (gap, value, i) => Math.max(gap, Math.abs(value - expected[i]!)),
      0,
    );
    expect(worst).toBeLessThanOrEqual(2 ** -23 * largest);
    expect(new Set(expected).size).toBeGreaterThanOrEqual(16);
  },
);

test.each(["f16", "bf16", "f32"] as const)(
  "products and embeddings read scales of %s as the decoder does",
  async (scaleType) => {
    const shape: WeightShape = { format: "q4", rows: 64, cols: 64, groupSize: 32, scaleType };
    const packed = scaledBy(scaleType, shape);
    const values = decodeWeight(shape, packed);
    const run = async (kept: WeightShape, stored: ReturnType<typeof encodeWeight>) => {
      const tensors = new TestTensors();
      const given = Object.entries(stored).map(
        ([name, bytes]) => [name, tensors.given(name, new Uint32Array(bytes))] as const,
      );
      const weight = { ...kept, tensors: Object.fromEntries(given) };
      const x = tensors.given("x", randoms(8 * 64, 3));
      const tokens = tensors.given("tokens", Uint32Array.of(63, 0, 17));
      const y = (rows: number) => tensors.output("y", rows * 64);
      const outputs = [y(8), y(8), y(1), y(3)] as const;
      const dispatches = [
        linear(8, { x, weight, y: outputs[0] }),
        linearBackward(8, { x, weight, y: outputs[1] }),
        matvec(1, { x, weight, y: outputs[2] }),
        embedding({ rows: 3 }, { table: weight, tokens, x: outputs[3] }),
      ];
      return await runOnGpu(dispatches, tensors, outputs);
    };
    const actual = await run(shape, packed);
    const expected = await run({ format: "f32", rows: 64, cols: 64 }, { weight: values.buffer });
    // f32 scales may be fused with their codes; all else has the same bits.
    const limit = scaleType === "f32" ? 1e-6 : 0;
    actual.forEach((result, i) => {
      expect(distance(result, expected[i]!)).toBeLessThanOrEqual(limit);
    });
  },
);

// Blocks from less than one word of absmax bytes to more than one nested block of 256.
test.each([
  [1, 64],
  [3, 64],
  [5, 320],
  [37, 64],
  [257, 64],
  [33, 1024],
])("an nf4 weight [%i, %i] has the decoder's values", async (rows, cols) => {
  const shape: WeightShape = { format: "nf4", rows, cols };
  const stored = encodeWeight(shape, weights(rows, cols));
  const expected = decodeWeight(shape, stored);
  const actual = await readOnGpu(shape, stored);
  // A device may fuse map * nested + offset; then absmax, up to 1.28 here, has one rounding less.
  const worst = actual.reduce((gap, value, i) => Math.max(gap, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(2 ** -22 * 2.56);
  expect(expected.some((value) => value !== 0)).toBe(true);
});

test("storedWeight names a weight's tensors with the sizes of their bindings", () => {
  const weight = storedWeight("q_proj", { format: "nf4", rows: 192, cols: 576 });
  expect(Object.keys(weight.tensors)).toEqual(Object.keys(weightBindings("nf4")));
  expect(weight.tensors["weight"]?.sizeBytes).toBe((192 * 576) / 2);
  expect(weight.tensors["tables"]?.label).toBe("q_proj tables");
  const q4: WeightShape = { format: "q4", rows: 192, cols: 576 };
  expect(storedWeight("q_proj", { ...q4, groupSize: 32 }).groupSize).toBe(32);
  expect(() => weightReader(q4)).toThrow("groups of undefined");
});
