// The product that merging adds, against sums in f64, in blocks and with odd rows and columns.
import { describe, expect, test } from "vitest";
import { Product } from "../../../src/export/merged/product.ts";
import { uniforms } from "../../../src/util/random.ts";

const drawn = (stream: number, count: number) =>
  uniforms(11, stream, count).map((draw) => draw - 0.5);

describe("a product that is added", () => {
  test.each([
    ["one value", 1, 1, 1],
    ["whole tiles", 8, 16, 4],
    ["a part of a tile in both directions", 7, 13, 5],
    ["several blocks, the last of them short", 70, 3000, 3],
  ])("to %s is the sum over the rank", (_, rows, columns, rank) => {
    const [w, a, b] = [drawn(1, rows * columns), drawn(2, rank * columns), drawn(3, rows * rank)];
    const before = w.slice();
    const expected = Array.from(w, (value, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let k = 0; k < rank; k++) {
        sum += b[row * rank + k]! * a[k * columns + column]!;
      }
      return value + sum;
    });
    new Product(a, rank, columns).addTo(w, b);
    const furthest = (from: ArrayLike<number>) =>
      w.reduce((most, value, at) => Math.max(most, Math.abs(value - from[at]!)), 0);
    expect(furthest(expected)).toBeLessThan(3e-7);
    expect(furthest(before)).toBeGreaterThan(0.01);
  });

  test("of two matrices in turn is each one's own", () => {
    const [first, second] = [3, 5].map((value) => new Product(Float32Array.of(value), 1, 1));
    const w = Float32Array.of(1);
    first!.addTo(w, Float32Array.of(10));
    second!.addTo(w, Float32Array.of(100));
    first!.addTo(w, Float32Array.of(1000));
    expect(w[0]).toBe(1 + 30 + 500 + 3000);
  });
});
