// Proof that f16 weights read as WGSL's own type are the same in every bit, and that a device takes
// what is measured to be faster. The software adapter of `npm test` has no f16: `npm run test:dawn`
// runs this where there is one.
import { afterEach, beforeEach, expect, test, type TestContext } from "vitest";
import { linear, linearBackward } from "../../../../src/kernels/matmul/kernel.ts";
import { tiles, type TileName } from "../../../../src/kernels/matmul/tile.ts";
import { tuneTiles } from "../../../../src/kernels/matmul/tune.ts";
import { f16ToF32 } from "../../../../src/util/bytes.ts";
import { randoms, runOnGpu, testDevice, TestTensors } from "../../../support/kernels.ts";
import type { OpenDevice } from "../../../../src/gpu/open-device.ts";

let opened: OpenDevice;

beforeEach(async (context: TestContext) => {
  opened = await testDevice();
  if (!opened.device.features.has("shader-f16")) {
    context.skip(`${opened.name} has no shader-f16`);
  }
});

afterEach(() => {
  opened.extensions.delete("f16");
});

const [rows, inner, outer] = [9, 64, 128];
/** Every finite exponent and sign, subnormals and zeros among them. */
const halves = Uint16Array.from({ length: outer * inner }, (_, i) => {
  const bits = (i * 40503) & 0xffff;
  return (bits & 0x7c00) === 0x7c00 ? bits & 0x83ff : bits;
});

async function products(
  tile: TileName,
  x: Float32Array<ArrayBuffer>,
  dy: Float32Array<ArrayBuffer>,
  isNative: boolean,
): Promise<Float32Array[]> {
  opened.extensions.delete("f16");
  if (isNative) {
    opened.extensions.add("f16");
  }
  const tensors = new TestTensors();
  const weight = {
    format: "f16" as const,
    rows: outer,
    cols: inner,
    tensors: { weight: tensors.given("weight", new Uint32Array(halves.buffer)) },
  };
  const [y, dx] = [tensors.output("y", rows * outer), tensors.output("dx", rows * inner)];
  const dispatches = [
    linear(rows, { x: tensors.given("x", x), weight, y, tile }),
    linearBackward(rows, { x: tensors.given("dy", dy), weight, y: dx, tile }),
  ];
  return await runOnGpu(dispatches, tensors, [y, dx]);
}

test("a native f16 weight is read with the exact value of each entry", async () => {
  const values = f16ToF32(halves);
  for (let first = 0; first < inner; first += rows) {
    // Row m of x is 1 at column first + m, so y is that column of the weight.
    const x = Float32Array.from({ length: rows * inner }, (_, i) =>
      i % inner === first + Math.floor(i / inner) ? 1 : 0,
    );
    const [y] = await products("registers8", x, new Float32Array(rows * outer), true);
    for (let m = 0; m < rows && first + m < inner; m++) {
      const column = Float32Array.from(
        { length: outer },
        (_, n) => values[n * inner + first + m]! + 0,
      );
      expect(y!.subarray(m * outer, (m + 1) * outer)).toEqual(column);
    }
  }
});

test.each(Object.keys(tiles) as TileName[])(
  "native f16 in tile %s has the bits of unpacked values",
  async (tile) => {
    const [x, dy] = [randoms(rows * inner, 1), randoms(rows * outer, 2)];
    const [native, unpacked] = [
      await products(tile, x, dy, true),
      await products(tile, x, dy, false),
    ];
    expect(native).toEqual(unpacked);
    expect(native[0]!.some((value) => value === 0 || Number.isNaN(value))).toBe(false);
  },
);

test.each(["native", "unpacked"])(
  "a device whose faster f16 reader is remembered as %s uses it",
  async (reader) => {
    const { vendor, architecture, description } = opened.adapterInfo;
    const adapterInfo = { vendor, architecture, description } as GPUAdapterInfo;
    const remembered = (key: string) => (key.includes("reader") ? reader : "registers8");
    const cache = {
      get: (key: string) => Promise.resolve(remembered(key)),
      set: () => Promise.resolve(),
    };
    const layer = { tokens: 8, inFeatures: inner, outFeatures: outer, format: "f16" } as const;
    const signal = new AbortController().signal;
    await tuneTiles({ opened: { ...opened, adapterInfo }, cache, signal }, layer);
    expect(opened.extensions.has("f16")).toBe(reader === "native");
  },
);
