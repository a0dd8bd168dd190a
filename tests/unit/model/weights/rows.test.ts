// Rows of stored weights, a piece at a time, against the whole tensor.
import { expect, test } from "vitest";
import type { WeightPart } from "../../../../src/model/weight-format/encode.ts";
import type { WeightLayout } from "../../../../src/model/weight-format/format.ts";
import { pieceElements } from "../../../../src/model/weights/pieces.ts";
import { storedRows } from "../../../../src/model/weights/rows.ts";
import {
  encodingStore,
  readValues,
  type WeightStore,
} from "../../../../src/model/weights/store.ts";

const { signal } = new AbortController();

/** More than one piece; rows of nf4 share nested maxima with their neighbours. */
const [rows, cols] = [22_000, 192];

function storeOf(layout: WeightLayout): WeightStore {
  return encodingStore(new Map([["w", { ...layout, rows, cols }]]), () =>
    Promise.resolve(
      Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i) * (1 + (i % 1000))),
    ),
  );
}

/** The parts in the order of a stored model: one binding after the other, in other pieces. */
function byBinding(store: WeightStore): WeightStore {
  return {
    ...store,
    async *parts(name, given) {
      const all: WeightPart[] = [];
      for await (const part of store.parts(name, given)) {
        all.push(part);
      }
      for (const binding of ["weight", "scales", "tables"]) {
        for (const { values, ...part } of all.filter((each) => each.binding === binding)) {
          const half = Math.floor(values.length / 3);
          yield { ...part, values: values.subarray(0, half) };
          yield { ...part, values: values.subarray(half) };
        }
      }
    },
  };
}

test.each<[string, WeightLayout]>([
  ["f32", { format: "f32" }],
  ["f16", { format: "f16" }],
  ["q8 in groups of 32", { format: "q8", groupSize: 32 }],
  ["q4 in groups of 64", { format: "q4", groupSize: 64 }],
  ["nf4", { format: "nf4" }],
])("rows of %s are those of the whole tensor, in pieces of whole heads", async (_, layout) => {
  const store = storeOf(layout);
  const whole = await readValues(store, "w", signal);
  for (const each of [store, byBinding(store)]) {
    const sizes: number[] = [];
    let at = 0;
    for await (const values of storedRows(each, "w", signal, 48)) {
      expect(
        Buffer.from(values.buffer).equals(Buffer.from(whole.buffer, at * 4, values.byteLength)),
      ).toBe(true);
      at += values.length;
      sizes.push(values.length);
    }
    expect(at).toBe(rows * cols);
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(pieceElements);
    expect(sizes.slice(0, -1).every((size) => size % (48 * cols) === 0)).toBe(true);
  }
});

test("a weight that ends early is told", async () => {
  const store = storeOf({ format: "f16" });
  const cut: WeightStore = {
    ...store,
    async *parts(name, given) {
      for await (const part of store.parts(name, given)) {
        yield { ...part, values: part.values.subarray(1) };
      }
    },
  };
  const read = async () => {
    for await (const values of storedRows(cut, "w", signal)) {
      expect(values.length).toBeGreaterThan(0);
    }
  };
  await expect(read()).rejects.toThrow("bytes early");
});
