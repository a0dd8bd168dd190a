// Weight formats: by hand, against what MLX and bitsandbytes wrote, GGUF's blocks without loss, and
// how near they come.
import { describe, expect, test } from "vitest";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import { WeightEncoder } from "../../../../src/model/weight-format/encode.ts";
import {
  formatFor,
  weightBytes,
  type WeightShape,
} from "../../../../src/model/weight-format/format.ts";
import { dynamicMap, nf4Values } from "../../../../src/model/weight-format/nf4.ts";
import { f16ToF32, f32ToF16 } from "../../../../src/util/bytes.ts";
import { uniforms } from "../../../../src/util/random.ts";
import { encodeWeight } from "../../../support/weights.ts";

const words = (buffer: ArrayBuffer) => [...new Uint32Array(buffer)];
const half = (value: number) => f32ToF16(Float32Array.of(value))[0]!;
const matrix = (rows: number, cols: number, seed = 5) =>
  Float32Array.from(uniforms(seed, 0, rows * cols), (value) => (2 * value - 1) ** 3);

describe("the layout computed by hand", () => {
  test("f16 stores values in pairs, low half first", () => {
    const stored = encodeWeight(
      { format: "f16", rows: 1, cols: 4 },
      Float32Array.of(1, -2, 0.5, 0),
    );
    expect(words(stored.weight!)).toEqual([0xc0003c00, 0x00003800]);
  });

  test("q4 stores 0 to 7.5 by halves with the step -0.5 from 7.5 down", () => {
    const shape: WeightShape = { format: "q4", rows: 1, cols: 32, groupSize: 32 };
    const values = Float32Array.from({ length: 32 }, (_, i) => (i % 16) / 2);
    const stored = encodeWeight(shape, values);
    expect(words(stored.weight!)).toEqual([0x89abcdef, 0x01234567, 0x89abcdef, 0x01234567]);
    expect(words(stored.scales!)).toEqual([(half(7.5) << 16) | half(-0.5)]);
    expect(decodeWeight(shape, stored)).toEqual(values);
  });

  test("q8 stores -128 to 127 with the step 1 from -128 up", () => {
    const shape: WeightShape = { format: "q8", rows: 1, cols: 128, groupSize: 128 };
    const values = Float32Array.from({ length: 128 }, (_, i) => (i < 64 ? -128 + 2 * i : 127));
    const stored = encodeWeight(shape, values);
    expect(words(stored.weight!).slice(0, 2)).toEqual([0x06040200, 0x0e0c0a08]);
    expect(words(stored.weight!)[31]).toBe(0xffffffff);
    expect(words(stored.scales!)).toEqual([((half(-128) << 16) | half(1)) >>> 0]);
    expect(decodeWeight(shape, stored)).toEqual(values);
  });
});

describe("affine quantisation", () => {
  // mlx 0.32.4: mx.quantize(w, 64, bits) of these values; scale and bias happen to be exact in f16.
  const values = Float32Array.from({ length: 64 }, (_, i) => (((i * 37) % 101) - 50) / 64);

  test("affine quantisation equals MLX's in 4 bits", () => {
    const stored = encodeWeight({ format: "q4", rows: 1, cols: 64, groupSize: 64 }, values);
    expect(words(stored.weight!)).toEqual([
      0x7d38e4af, 0x8e4af5b1, 0x9f5b06c2, 0xa06c28d3, 0xb17d39f4, 0xc28e4af5, 0xe39f5b17,
      0xf4a06c28,
    ]);
    expect(words(stored.scales!)).toEqual([(half(0.78125) << 16) | half(-0.09765625)]);
  });

  test("affine quantisation equals MLX's in 8 bits", () => {
    const stored = encodeWeight({ format: "q8", rows: 1, cols: 64, groupSize: 64 }, values);
    expect(words(stored.weight!)).toEqual([
      0xe643a1ff, 0x6ecd2988, 0xf854b30f, 0x80df3b9a, 0x0866c521, 0x92f14dac, 0x1a78d733,
      0xa4005fbd, 0x2c8ae945, 0xb61271cf, 0x3d9cfb57, 0xc82483e1, 0x4fae0a69, 0xda3694f3,
      0x61c01c7b, 0xec48a603,
    ]);
    expect(words(stored.scales!)).toEqual([(half(0.78125) << 16) | half(-0.78125 / 128)]);
  });
});

describe("nf4 quantisation", () => {
  test("nf4 quantisation has the tables of bitsandbytes", () => {
    expect(nf4Values).toHaveLength(16);
    expect([nf4Values[0], nf4Values[7], nf4Values[15]]).toEqual([-1, 0, 1]);
    expect(nf4Values[1]).toBe(-0.6961928009986877);
    const map = dynamicMap();
    expect(map).toHaveLength(256);
    expect([map[0], map[127], map[254], map[255]]).toEqual(
      [-0.99296875, 0, 0.99296875, 1].map(Math.fround),
    );
    expect(map[128]).toBe(5.500000384017767e-7); // PyTorch's 5.5e-7, one f32 above the nearest
    expect(map.every((value, i) => i === 0 || value > map[i - 1]!)).toBe(true);
  });

  // bitsandbytes 0.50.2: quantize_4bit(w, blocksize=64, compress_statistics=True, quant_type="nf4")
  // of these values.
  test("nf4 quantisation equals bitsandbytes' in codes, absmax bytes, offset, nested maximum and values", () => {
    const shape: WeightShape = { format: "nf4", rows: 2, cols: 128 };
    const values = Float32Array.from(
      { length: 256 },
      (_, i) => ((((i * 37) % 101) - 50) / 64) * (1 + Math.floor(i / 64)),
    );
    const stored = encodeWeight(shape, values, 1);
    expect(words(stored.weight!)).toEqual([
      0x92e61c40, 0x71d50b3f, 0x50c3f92e, 0x4fa2e81d, 0x3e81e61c, 0x2e71d50b, 0x1d50b3f9,
      0x1c4fa2e8, 0x0b3e81d6, 0xf92e71c4, 0xe71d50b3, 0xd60c4fa2, 0xc40a2e81, 0xb3f92e61,
      0x92e71d50, 0x81d50c3f, 0x61c4fa2e, 0x50b3e81e, 0x3f92e71d, 0x2e81d50b, 0x1d61c4fa,
      0x1c40b3e8, 0x0b3f92e7, 0xfa2e71d5, 0xe81d60c4, 0xe61c40a2, 0xd50b3f92, 0xc3f92e71,
      0xa2e81d50, 0x81e61c4f, 0x71d50b3e, 0x50b3f92e,
    ]);
    expect([...new Uint8Array(stored.scales!)]).toEqual([0, 47, 207, 255]);
    const tables = new Float32Array(stored.tables!);
    expect(tables.subarray(0, 16)).toEqual(nf4Values);
    expect(tables.subarray(16, 272)).toEqual(dynamicMap());
    expect([...tables.subarray(272)]).toEqual([1.953125, 1.171875]);
    const decoded = decodeWeight(shape, stored);
    expect([0, 1, 63, 64, 200, 255].map((i) => decoded[i])).toEqual([
      -0.78948974609375, -0.22456355392932892, -0.5496370792388916, -0.14240461587905884,
      -1.6408532857894897, -0.5774169564247131,
    ]);
  });
});

describe("GGUF blocks of 32", () => {
  const scale = f16ToF32(f32ToF16(Float32Array.of(0.0123)))[0]!;
  const low = f16ToF32(f32ToF16(Float32Array.of(-0.0987)))[0]!;
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => (i * 89 + 17) & 255);

  /** Q4 blocks keep values 0 to 15 in the low nibbles of 16 bytes and 16 to 31 in the high ones. */
  const nibbles = Array.from({ length: 32 }, (_, i) =>
    i < 16 ? bytes[i]! & 15 : bytes[i - 16]! >> 4,
  );
  const packed = Uint32Array.from({ length: 4 }, (_, word) =>
    nibbles.slice(word * 8, word * 8 + 8).reduce((sum, code, i) => sum + code * 16 ** i, 0),
  );
  const scales = (bias: number) => Uint32Array.of((half(bias) << 16) | half(scale)).buffer;
  const shape = (format: "q4" | "q8"): WeightShape => ({
    format,
    rows: 1,
    cols: 32,
    groupSize: 32,
  });

  test("a Q4_0 block is exactly an affine group: d * (q - 8)", () => {
    const decoded = decodeWeight(shape("q4"), {
      weight: packed.buffer,
      scales: scales(-8 * scale),
    });
    expect([...decoded]).toEqual(nibbles.map((code) => scale * (code - 8) + 0));
  });

  test("a Q4_1 block is exactly an affine group: d * q + m", () => {
    const decoded = decodeWeight(shape("q4"), { weight: packed.buffer, scales: scales(low) });
    expect([...decoded]).toEqual(nibbles.map((code) => Math.fround(scale * code + low)));
  });

  test("a Q8_0 block is exactly an affine group: d * q, q signed", () => {
    const signed = Int8Array.from(bytes);
    const weight = Uint8Array.from(signed, (code) => code + 128).buffer;
    const decoded = decodeWeight(shape("q8"), { weight, scales: scales(-128 * scale) });
    expect([...decoded]).toEqual(Array.from(signed, (code) => scale * code + 0));
  });

  test("a Q4_0 block that uses its whole range survives a round trip through f32", () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => scale * (((i * 5) % 16) - 8));
    expect(decodeWeight(shape("q4"), encodeWeight(shape("q4"), values))).toEqual(values);
  });
});

describe("the conversion error of a format", () => {
  const rows = 7;
  const cols = 256;
  const values = matrix(rows, cols);
  values.fill(0, 40, 300); // whole groups of zeros, and parts of groups
  values.fill(0.37, 512, 640); // a constant group
  values.subarray(768, 896).forEach((value, i, group) => (group[i] = 2 + value / 100)); // one sign

  test.each(
    [32, 64, 128].flatMap((groupSize) => [[4, groupSize] as const, [8, groupSize] as const]),
  )("the error of q%i in groups of %i is within one step, 0.4 on average", (bits, groupSize) => {
    const shape: WeightShape = { format: bits === 4 ? "q4" : "q8", rows, cols, groupSize };
    const decoded = decodeWeight(shape, encodeWeight(shape, values));
    for (let first = 0; first < values.length; first += groupSize) {
      const group = values.subarray(first, first + groupSize);
      const high = Math.max(...group);
      const low = Math.min(...group);
      const step = (high - low) / (2 ** bits - 1);
      const rounding = Math.max(high, -low) * 2 ** -10; // of scale and bias to f16
      let sum = 0;
      group.forEach((value, i) => {
        const error = Math.abs(decoded[first + i]! - value);
        expect(error).toBeLessThanOrEqual(step + rounding + 1e-6);
        // Zero is a weight of its own: it stays far nearer than half a step.
        expect(value === 0 ? error : 0).toBeLessThanOrEqual(rounding);
        sum += error;
      });
      expect(sum / groupSize).toBeLessThanOrEqual(0.4 * step + rounding + 1e-6);
    }
  });

  test("the error of nf4 is within half its widest gap plus the error of absmax", () => {
    const shape: WeightShape = { format: "nf4", rows, cols };
    const decoded = decodeWeight(shape, encodeWeight(shape, values));
    for (let first = 0; first < values.length; first += 64) {
      const absmax = Math.max(...values.subarray(first, first + 64).map(Math.abs));
      // absmax minus the mean is off by half of the map's widest gap, 0.0141, of at most 2.
      const limit = 0.152 * absmax + 0.0071 * 2;
      for (let i = first; i < first + 64; i++) {
        expect(Math.abs(decoded[i]! - values[i]!)).toBeLessThanOrEqual(limit);
      }
    }
    expect(decoded.subarray(64, 256).every((value) => value === 0)).toBe(true);
  });

  test("the error of f16 is that of rounding to the nearest half, and f32 is exact", () => {
    const f16: WeightShape = { format: "f16", rows, cols };
    expect(decodeWeight(f16, encodeWeight(f16, values))).toEqual(f16ToF32(f32ToF16(values)));
    const f32: WeightShape = { format: "f32", rows, cols };
    expect(decodeWeight(f32, encodeWeight(f32, values))).toEqual(values);
  });
});

test.each(["f32", "f16", "q8", "q4", "nf4"] as const)(
  "%s encoded one row at a time has the bytes of all rows at once",
  (format) => {
    const shape: WeightShape = { format, rows: 9, cols: 192, groupSize: 64 };
    const values = matrix(9, 192);
    expect(encodeWeight(shape, values, 1)).toEqual(encodeWeight(shape, values, 9));
  },
);

describe("the encoder", () => {
  const encode = (format: WeightShape["format"], value: number) => {
    const values = new Float32Array(5 * 64);
    values[3 * 64 + 7] = value;
    return () => encodeWeight({ format, rows: 5, cols: 64, groupSize: 64 }, values, 2, "k_proj");
  };

  test.each([
    ["f16", 65505],
    ["f16", -1e9],
    ["f16", NaN],
    ["q4", 70000],
    ["q8", -Infinity],
    ["nf4", NaN],
    ["nf4", Infinity],
  ] as const)(
    "a %s weight cannot contain %d, and the error names the position",
    (format, value) => {
      expect(encode(format, value)).toThrow(`k_proj: Row 3, column 7 is ${value}`);
    },
  );

  test("the encoder accepts the largest half, and in nf4 any finite number", () => {
    expect(encode("f16", -65504)).not.toThrow();
    expect(encode("q4", 65504)).not.toThrow();
    expect(encode("nf4", 1e30)).not.toThrow();
    const shape: WeightShape = { format: "q4", rows: 1, cols: 32, groupSize: 32 };
    const largest = new Float32Array(32).fill(65504, 0, 3).fill(-65504 / 1.4, 5, 9);
    expect(decodeWeight(shape, encodeWeight(shape, largest)).every(Number.isFinite)).toBe(true);
  });

  test("the encoder throws an error for missing and extra rows", () => {
    const encoder = new WeightEncoder("k_proj", { format: "f16", rows: 2, cols: 4 });
    encoder.rows(new Float32Array(4));
    expect(() => encoder.finish()).toThrow("1 of 2 rows");
    expect(() => encoder.rows(new Float32Array(8))).toThrow("2 rows");
  });
});

test("norms are f32, and rows of incomplete groups are f16", () => {
  expect(formatFor("q4", 1, 576, 64)).toBe("f32");
  expect(formatFor("q4", 192, 576, 64)).toBe("q4");
  expect(formatFor("q4", 192, 576, 128)).toBe("f16");
  expect(formatFor("nf4", 192, 576)).toBe("nf4");
  expect(formatFor("nf4", 192, 96)).toBe("f16");
  expect(formatFor("f32", 192, 4)).toBe("f32");
  expect(() => formatFor("q8", 192, 576)).toThrow("groups of undefined");
});

test("every binding has the expected bytes", () => {
  expect(weightBytes({ format: "f32", rows: 3, cols: 64 })).toEqual({ weight: 768 });
  expect(weightBytes({ format: "f16", rows: 3, cols: 64 })).toEqual({ weight: 384 });
  expect(weightBytes({ format: "q8", rows: 3, cols: 64, groupSize: 32 })).toEqual({
    weight: 192,
    scales: 24,
  });
  expect(weightBytes({ format: "q4", rows: 3, cols: 64, groupSize: 64 })).toEqual({
    weight: 96,
    scales: 12,
  });
  expect(weightBytes({ format: "nf4", rows: 3, cols: 64 })).toEqual({
    weight: 96,
    scales: 4,
    tables: 274 * 4,
  });
  // 4.5 bits and 4.127 bits a value, as both schemes promise.
  expect(weightBytes({ format: "q4", rows: 4096, cols: 4096, groupSize: 64 })).toEqual({
    weight: 8388608,
    scales: 1048576,
  });
  expect(weightBytes({ format: "nf4", rows: 4096, cols: 4096 })).toEqual({
    weight: 8388608,
    scales: 262144,
    tables: 5188,
  });
  expect(() => weightBytes({ format: "q4", rows: 3, cols: 96, groupSize: 64 })).toThrow(
    "q4 with 96 columns",
  );
});
