// The order of an adapter's tensors in both engines.
import { expect, test } from "vitest";
import type { AdapterState } from "../../../src/adapter/state.ts";
import { isLoraA, pairOf, requireSameTensors } from "../../../src/engine/adapter-order.ts";

const own = [
  { name: "q.lora_A", shape: [4, 8] },
  { name: "q.lora_B", shape: [6, 4] },
] as const;

function stateOf(tensors: readonly { name: string; shape: readonly [number, number] }[]) {
  const none = new Float32Array(0);
  const vectors = { values: none, moment1: none, moment2: none };
  return { tensors: tensors.map((tensor) => ({ ...tensor, ...vectors })) } satisfies AdapterState;
}

test("A and B of a target are next to each other, A first", () => {
  expect(pairOf(["a0", "b0", "a1", "b1"], 1)).toEqual({ a: "a1", b: "b1" });
  expect([0, 1, 2, 3].map(isLoraA)).toEqual([true, false, true, false]);
});

test("the lookup of a target past the last one throws", () => {
  expect(() => pairOf(["a0", "b0"], 1)).toThrow("target 1 has no A and B");
});

test("a state with the engine's tensors is accepted", () => {
  expect(() => {
    requireSameTensors(stateOf(own), own);
  }).not.toThrow();
});

test.each([
  ["in another order", own.toReversed()],
  ["of another shape", [own[0], { name: "q.lora_B", shape: [5, 4] as const }]],
  ["with one missing", [own[0]]],
])("a state with tensors %s is rejected", (_, tensors) => {
  expect(() => {
    requireSameTensors(stateOf(tensors), own);
  }).toThrow("the tensors of the state differ from those of the engine");
});
