// The order in which a run gives up speed for memory, and how often its layers run.
import { expect, test } from "vitest";
import {
  layersRunThrice,
  mostLayersPerInput,
  nextSmaller,
  type MemoryChoice,
} from "../../../../src/engine/webgpu/memory-choice.ts";

function triedFrom(first: MemoryChoice, canStream: boolean): MemoryChoice[] {
  const tried: MemoryChoice[] = [];
  for (let choice = nextSmaller(first, 9, canStream); choice !== null;) {
    tried.push(choice);
    choice = nextSmaller(choice, 9, canStream);
  }
  return tried;
}

test("a choice that does not fit gives up kept layers, then rows, then inputs, until nothing is left", () => {
  expect(triedFrom({ rowsPerPass: 3, keptLayers: 5 }, false)).toEqual([
    { rowsPerPass: 3, keptLayers: 2 },
    { rowsPerPass: 3, keptLayers: 1 },
    { rowsPerPass: 3, keptLayers: 0 },
    { rowsPerPass: 2, keptLayers: 0 },
    { rowsPerPass: 1, keptLayers: 0 },
    { rowsPerPass: 1, keptLayers: 0, layersPerInput: 2 },
    { rowsPerPass: 1, keptLayers: 0, layersPerInput: 3 },
  ]);
});

test("layers are streamed after all else, where the store can be read for every pass", () => {
  const least = { rowsPerPass: 1, keptLayers: 0, layersPerInput: 3 };
  const streamed = { rowsPerPass: 1, keptLayers: 0, isStreamed: true };
  expect(triedFrom(least, true)).toEqual([
    streamed,
    { ...streamed, layersPerInput: 2 },
    { ...streamed, layersPerInput: 3 },
  ]);
});

test.each([1, 2, 3, 4, 9, 16, 30, 32, 36, 61])(
  "of %i layers no distance of kept inputs has fewer of them alive, and none that is longer as few",
  (layers) => {
    const most = mostLayersPerInput(layers);
    const alive = (perInput: number) => Math.ceil(layers / perInput) + perInput;
    for (let perInput = 1; perInput <= layers; perInput++) {
      expect(alive(perInput)).toBeGreaterThanOrEqual(alive(most) + (perInput > most ? 1 : 0));
    }
  },
);

test("of seven recomputed layers with every third input kept, four run three times", () => {
  const choice = { rowsPerPass: 1, keptLayers: 2, layersPerInput: 3 };
  expect(layersRunThrice(choice, 9)).toBe(4); // 1, 2 and 4, 5; 6 keeps its input
  expect(layersRunThrice({ rowsPerPass: 1, keptLayers: 2 }, 9)).toBe(0);
});
