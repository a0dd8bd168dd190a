// Proofs of the soft cap: by hand and against tanh in doubles from tiny to huge, across the
// workgroup's boundaries, without a device error. Its slope is proven where it is used: attention
// and cross-entropy.
import { expect, test } from "vitest";
import { softCap } from "../../../src/kernels/soft-cap/kernel.ts";
import { runOnGpu, TestTensors } from "../../support/kernels.ts";

async function capped(values: Float32Array<ArrayBuffer>, cap: number): Promise<Float32Array> {
  const tensors = new TestTensors();
  const x = tensors.given("x", values);
  const [actual] = await runOnGpu([softCap(values.length, cap, { x })], tensors, [x]);
  return actual!;
}

test("a soft cap of 30 maps 0 to 0, 30 to 30 tanh(1), and 1e30 to 30", async () => {
  const actual = await capped(Float32Array.of(0, 30, 1e30, -1e30), 30);
  expect(actual[0]).toBe(0);
  expect(actual[1]! / 22.847824678672946).toBeCloseTo(1, 6);
  expect(actual[2]! / 30).toBeCloseTo(1, 6);
  expect(actual[3]! / -30).toBeCloseTo(1, 6);
});

test.each([
  [4, 30],
  [252, 50],
  [256, 50],
  [260, 30],
  [100_000, 1],
])("a soft cap of %i numbers, cap %i, is within two millionths of tanh", async (count, cap) => {
  // From 1e-8 to 1e4 caps, both signs.
  const values = Float32Array.from(
    { length: count },
    (_, i) => (i % 2 === 0 ? 1 : -1) * cap * 10 ** ((12 * i) / count - 8),
  );
  const actual = await capped(values, cap);
  const worst = Math.max(
    ...Array.from({ length: count }, (_, i) => {
      const expected = cap * Math.tanh(values[i]! / cap);
      return Math.abs(actual[i]! / expected - 1);
    }).reduce<number[]>((largest, gap) => [Math.max(largest[0] ?? 0, gap)], []),
  );
  expect(worst).toBeLessThan(2e-6);
});

test("a soft cap keeps NaN, and takes infinity to the cap or to NaN", async () => {
  const [first = 0, second = 0] = await capped(Float32Array.of(NaN, Infinity, 0, 0), 30);
  expect(first).toBeNaN();
  expect(Math.abs(second) <= 29).toBe(false);
});
