// What either engine computes for a micro-batch, by hand.
import { expect, test } from "vitest";
import { computedTokens } from "../../../src/engine/computed-tokens.ts";

const shape = { rows: 4, length: 200 };

test.each([
  [[200, 200, 200, 200], 800],
  [[64], 64],
  [[64, 1], 128],
  [[1, 1, 1, 1], 64],
  [[200, 200, 112, 1], 576],
])("the compiled engine computes rows of %j tokens as %i", (rows, tokens) => {
  expect(computedTokens("webgpu", shape)(rows)).toBe(tokens);
});

test("the reference engine computes the whole shape", () => {
  expect(computedTokens("tfjs", shape)([3, 4])).toBe(800);
});
