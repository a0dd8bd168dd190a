// The generator against published answers, and the promises that replay and resume rest on.
import { describe, expect, test } from "vitest";
import {
  permutation,
  streams,
  substream,
  threefry2x32,
  uniforms,
} from "../../../src/util/random.ts";

describe("Threefry-2x32-20", () => {
  // Known answers of Random123 (kat_vectors).
  test.each([
    [0, 0, 0, 0, 0x6b200159, 0x99ba4efe],
    [-1, -1, -1, -1, 0x1cb996fc, 0xbb002be7],
    [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0],
  ])(
    "Threefry-2x32-20 has the known answer for key %i %i and counter %i %i",
    (key0, key1, counter0, counter1, first, second) => {
      const out = new Uint32Array(2);
      threefry2x32(key0, key1, counter0, counter1, out);
      expect([...out]).toEqual([first, second]);
    },
  );
});

describe("uniforms", () => {
  test("uniforms depend on seed, stream and index only", () => {
    expect(uniforms(7, 3, 9).subarray(0, 4)).toEqual(uniforms(7, 3, 4));
    expect(uniforms(7, 3, 4)).not.toEqual(uniforms(7, 4, 4));
    expect(uniforms(7, 3, 4)).not.toEqual(uniforms(8, 3, 4));
  });

  test("uniforms are spread evenly over [0, 1)", () => {
    const values = uniforms(1, streams.dropout, 100_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const below = values.filter((value) => value < 0.1).length / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.005);
    expect(Math.abs(below - 0.1)).toBeLessThan(0.005);
    expect(Math.max(...values.subarray(0, 10_000))).toBeLessThan(1);
  });
});

test("substreams of different parts differ, also when only the order differs", () => {
  const all = [
    substream(3),
    substream(3, 1),
    substream(3, 1, 2),
    substream(3, 2, 1),
    substream(4, 1, 2),
  ];
  expect(new Set(all).size).toBe(all.length);
});

test("a permutation contains every number once and depends on its seed", () => {
  const order = permutation(5, streams.shuffle, 100);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(permutation(5, streams.shuffle, 100)).toEqual(order);
  expect(permutation(6, streams.shuffle, 100)).not.toEqual(order);
});
