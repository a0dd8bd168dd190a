// Proofs of sum_all and max_all, over workgroup memory and by subgroups: by hand, against double
// precision, for every size of workgroup, call after call; and that kernels give the same either
// way.
import { beforeAll, describe, expect, test } from "vitest";
import { defineKernel } from "../../../src/gpu/kernel.ts";
import { dispatch } from "../../../src/gpu/plan.ts";
import { crossEntropy } from "../../../src/kernels/cross-entropy/kernel.ts";
import { withReduce } from "../../../src/kernels/reduce.ts";
import { distance, randoms, runOnGpu, testDevice, TestTensors } from "../../support/kernels.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";

let opened: OpenDevice;

beforeAll(async () => {
  opened = await testDevice();
});

type Way = "workgroup memory" | "subgroups";
const ways: Way[] = ["workgroup memory", "subgroups"];

/** What `work` gives on a device that has subgroups, or as if it had none. */
async function by<T>(way: Way, work: () => Promise<T>): Promise<T> {
  const had = opened.extensions.delete("subgroups");
  if (way === "subgroups") {
    expect(had).toBe(true);
    opened.extensions.add("subgroups");
  }
  try {
    return await work();
  } finally {
    if (had) {
      opened.extensions.add("subgroups");
    }
  }
}

test("the test device has subgroups, so both reductions are tested", () => {
  expect([...opened.extensions]).toContain("subgroups");
});

/** Per thread: sum and maximum of its workgroup's part of x, then the sum of the squares. */
const kernelOf = (threads: number) =>
  defineKernel({
    name: "reduce",
    ...withReduce(),
    constants: { WORKGROUP_SIZE: threads },
    bindings: { x: { use: "in", element: "f32" }, y: { use: "out", element: "vec4f" } },
    source: `@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let at = group.x * WORKGROUP_SIZE + thread;
  let sum = sum_all(x[at], thread);
  let largest = max_all(x[at], thread);
  y[at] = vec4f(sum, largest, sum_all(x[at] * x[at], thread), sum_all(1.0, thread));
}`,
  });

async function reduced(threads: number, x: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const tensors = new TestTensors();
  const y = tensors.output("y", 4 * x.length);
  const one = dispatch(kernelOf(threads), {
    tensors: { x: tensors.given("x", x), y },
    grid: [x.length / threads, 1, 1],
    work: x.length,
  });
  const [values] = await runOnGpu([one], tensors, [y]);
  return values!;
}

describe.each(ways)("a reduction by %s", (way) => {
  test.each([64, 128, 256])(
    "of 1 to %i has the sums and the maximum worked out by hand",
    async (threads) => {
      const x = Float32Array.from({ length: threads }, (_, i) => threads - i);
      const values = await by(way, () => reduced(threads, x));
      const sum = (threads * (threads + 1)) / 2;
      const squares = (sum * (2 * threads + 1)) / 3;
      for (let thread = 0; thread < threads; thread++) {
        const own = [...values.subarray(4 * thread, 4 * thread + 4)];
        expect(own).toEqual([sum, threads, squares, threads]);
      }
    },
  );

  test.each([64, 128, 256])(
    "over 100 workgroups of %i threads is right, with the same bits twice",
    async (threads) => {
      const x = randoms(100 * threads, threads).map((value) => value - 2);
      const values = await by(way, () => reduced(threads, x));
      expect(await by(way, () => reduced(threads, x))).toEqual(values);
      for (let start = 0; start < x.length; start += threads) {
        const part = [...x.subarray(start, start + threads)];
        const squares = part.reduce((sum, value) => sum + value * value, 0);
        const sum = part.reduce((total, value) => total + value, 0);
        const expected = [sum, Math.max(...part), squares, threads];
        const first = values.subarray(4 * start, 4 * start + 4);
        first.forEach((value, i) => {
          expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(1e-6);
        });
        for (let thread = 1; thread < threads; thread++) {
          expect(values.subarray(4 * (start + thread), 4 * (start + thread) + 4)).toEqual(first);
        }
      }
    },
  );

  test("with one NaN has a NaN sum, and with one infinity an infinite one", async () => {
    const x = new Float32Array(128).fill(1);
    x[37] = NaN;
    x[64 + 63] = Infinity;
    const values = await by(way, () => reduced(64, x));
    expect(Number.isNaN(values[0])).toBe(true);
    expect(values[4 * 64]).toBe(Infinity);
  });
});

test("cross-entropy by subgroups and by workgroup memory differ only by the order of sums", async () => {
  const [rows, vocabulary] = [5, 9001];
  const run = () => {
    const tensors = new TestTensors();
    const stride = Math.ceil(vocabulary / 4) * 4;
    const logits = tensors.given("logits", randoms(rows * stride, 5));
    const losses = tensors.output("losses", rows);
    const targets = tensors.given("targets", Uint32Array.of(0, 17, 9000, 4500, 255));
    return runOnGpu(
      [crossEntropy({ firstRow: 0, rows, vocabulary, softcap: null }, { targets, logits, losses })],
      tensors,
      [losses, logits],
      { supervisedRows: rows },
    );
  };
  const plain = await by("workgroup memory", run);
  const bySubgroups = await by("subgroups", run);
  bySubgroups.forEach((values, i) => {
    expect(distance(values, plain[i]!)).toBeLessThan(1e-6);
  });
});
