// Half-precision conversion over every pattern, against the definition and against known vectors.
import { describe, expect, test } from "vitest";
import {
  bf16ToF32,
  concatBytes,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
  sha256Hex,
} from "../../../src/util/bytes.ts";
import { largestMagnitude } from "../../../src/util/wasm/halves.ts";

const allPatterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer);
const f32OfBits = (...bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);

/** The value by the definition of IEEE 754 binary16. */
function f16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) {
    return fraction ? NaN : sign * Infinity;
  }
  return exponent
    ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
    : sign * 2 ** -14 * (fraction / 1024);
}

/**
 * The nearest of a sorted list of finite magnitudes, ties to the even pattern: rounding by search.
 */
function nearestPattern(value: number, magnitudes: Float64Array, overflow: number): number {
  let low = 0;
  let high = magnitudes.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (magnitudes[middle]! <= value) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const above = low + 1 < magnitudes.length ? magnitudes[low + 1]! : overflow;
  const toLow = value - magnitudes[low]!;
  const toHigh = above - value;
  return toLow < toHigh || (toLow === toHigh && low % 2 === 0) ? low : low + 1;
}

describe("f16 conversion", () => {
  test("f16 conversion maps every one of the 65,536 patterns to the value of its definition", () => {
    const values = f16ToF32(allPatterns);
    for (const half of allPatterns) {
      if (!Object.is(values[half], f16Value(half))) {
        expect.fail(`pattern ${half}: ${values[half]} instead of ${f16Value(half)}`);
      }
    }
  });

  test("f16 conversion restores every pattern but a signalling NaN from f32", () => {
    const back = f32ToF16(f16ToF32(allPatterns));
    for (const half of allPatterns) {
      const isNaN = (half & 0x7fff) > 0x7c00;
      const expected = isNaN ? half | 0x200 : half;
      if (back[half] !== expected) {
        expect.fail(`pattern ${half} came back as ${back[half]}`);
      }
    }
  });

  test("f16 conversion rounds to nearest, ties to even, at and next to every midpoint", () => {
    const magnitudes = Float64Array.from({ length: 0x7c00 }, (_, i) => f16Value(i));
    const midpoints = Float32Array.from(
      magnitudes,
      (m, i) => (m + (magnitudes[i + 1] ?? 65536)) / 2,
    );
    for (const nudge of [-1, 0, 1]) {
      const values = new Float32Array(bitsOf(midpoints).map((bits) => bits + nudge).buffer);
      const got = f32ToF16(values);
      values.forEach((value, i) => {
        const expected = nearestPattern(value, magnitudes, 65536);
        if (got[i] !== expected) {
          expect.fail(`${value} became ${got[i]} instead of ${expected}`);
        }
      });
    }
  });

  test("f16 conversion keeps zeros, infinities, NaN and the edges of the range", () => {
    const values = Float32Array.of(
      0,
      -0,
      Infinity,
      -Infinity,
      NaN,
      65504,
      65519,
      65520,
      -1e30,
      1e-30,
    );
    expect([...f32ToF16(values)]).toEqual([
      0, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x7bff, 0x7c00, 0xfc00, 0,
    ]);
    const smallest = 2 ** -24;
    expect([...f32ToF16(Float32Array.of(smallest, smallest / 2, smallest * 0.51))]).toEqual([
      1, 0, 1,
    ]);
  });

  test("f16 conversion reads a view that starts inside its buffer", () => {
    expect([...f32ToF16(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000]);
    expect([...f16ToF32(Uint16Array.of(9, 0x3c00, 0x4000).subarray(1))]).toEqual([1, 2]);
  });
});

describe("bf16 conversion", () => {
  test("bf16 conversion maps every one of the 65,536 patterns to the f32 with it as upper half", () => {
    expect(bitsOf(bf16ToF32(allPatterns))).toEqual(Uint32Array.from(allPatterns, (p) => p * 65536));
  });

  test("bf16 conversion restores every pattern but a signalling NaN from f32", () => {
    const back = f32ToBf16(bf16ToF32(allPatterns));
    const expected = allPatterns.map((p) => ((p & 0x7fff) > 0x7f80 ? p | 0x40 : p));
    expect(back).toEqual(expected);
  });

  test("bf16 conversion rounds to nearest, ties to even, and overflows to infinity", () => {
    const values = f32OfBits(
      0x3f808000,
      0x3f818000,
      0x3f807fff,
      0x3f808001,
      0x7f7fffff,
      0xff7fffff,
    );
    expect([...f32ToBf16(values)]).toEqual([0x3f80, 0x3f82, 0x3f80, 0x3f81, 0x7f80, 0xff80]);
    expect([...f32ToBf16(f32OfBits(0x00000001, 0x00008001, 0x7fffffff, 0xffffffff))]).toEqual([
      0, 1, 0x7fff, 0xffff,
    ]);
  });
});

test("sha256Hex returns the hash of the standard's example", async () => {
  const abc = new TextEncoder().encode("abc");
  expect(await sha256Hex(abc)).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

test("concatBytes joins bytes in order", () => {
  expect([...concatBytes([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)])]).toEqual([
    1, 2, 3,
  ]);
});

describe("a long array", () => {
  const bits = Uint32Array.from({ length: 100_003 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const values = new Float32Array(bits.buffer);
  const halves = new Uint16Array(bits.buffer, 0, 100_003);
  const inPieces = <T extends Uint16Array | Float32Array>(
    source: T,
    convert: (piece: T) => Uint16Array | Float32Array,
  ) =>
    Array.from({ length: Math.ceil(source.length / 1000) }, (_, i) => [
      ...new Uint8Array(convert(source.subarray(1000 * i, 1000 * (i + 1)) as T).buffer),
    ]).flat();

  test("is converted to the bits of short ones, whatever the bits", () => {
    const bytesOf = (whole: Uint16Array | Float32Array) => [...new Uint8Array(whole.buffer)];
    expect(bytesOf(f32ToF16(values))).toEqual(inPieces(values, f32ToF16));
    expect(bytesOf(f32ToBf16(values))).toEqual(inPieces(values, f32ToBf16));
    expect(bytesOf(f16ToF32(halves))).toEqual(inPieces(halves, f16ToF32));
  });

  test("has the largest magnitude of its values, and NaN where one is NaN", () => {
    const finite = values.filter((value) => Number.isFinite(value));
    const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largestMagnitude(finite)).toBe(largest);
    expect(largestMagnitude(Float32Array.of(1, -4, 2))).toBe(4);
    expect(largestMagnitude(Float32Array.of(1, -Infinity))).toBe(Infinity);
    expect(largestMagnitude(Float32Array.of(Infinity, NaN, 1))).toBe(NaN);
    expect(largestMagnitude(new Float32Array(0))).toBe(0);
  });
});
