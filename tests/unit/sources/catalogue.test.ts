// The models on offer: their figures must follow from their configs, for the plan of a run is made
// of them.
import { describe, expect, test } from "vitest";
import { parseModelSizes } from "../../../src/model/config/parse.ts";
import { tensorsOf } from "../../../src/model/tensors.ts";
import { catalogue } from "../../../src/sources/catalogue.ts";
import { parseHubName } from "../../../src/sources/hub/hub-name.ts";

const product = (shape: readonly number[]) => shape.reduce((size, length) => size * length, 1);

describe.each(catalogue.map((model) => [model.name, model] as const))("%s", (_, model) => {
  test("the model has the parameters of its config", () => {
    const tensors = tensorsOf(parseModelSizes(JSON.stringify(model.config)));
    expect(tensors.reduce((sum, { shape }) => sum + product(shape), 0)).toBe(model.parameters);
  });

  test("the model's name is a valid hub name", () => {
    expect(parseHubName(model.name)).toEqual({ name: model.name, revision: null, file: null });
  });

  test("the model's download size matches its parameters and format", () => {
    const bytesEach = model.config["quantization"] === undefined ? 2 : 4.5 / 8;
    const { tie_word_embeddings: isTied, vocab_size: rows, hidden_size: width } = model.config;
    const headIsStoredTwice = isTied === true && model.name.startsWith("Qwen/Qwen3-");
    const stored = model.parameters + (headIsStoredTwice ? Number(rows) * Number(width) : 0);
    const tokenizerBytes = model.downloadBytes - stored * bytesEach;
    expect(tokenizerBytes).toBeGreaterThan(1e6);
    expect(tokenizerBytes).toBeLessThan(45e6);
  });
});

describe("the list", () => {
  test("the catalogue lists each model once, smallest first", () => {
    const sizes = catalogue.map(({ parameters }) => parameters);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(11);
  });

  test("the catalogue marks the models whose licence must be accepted", () => {
    const gated = catalogue.filter(({ isGated }) => isGated).map(({ licence }) => licence);
    expect(new Set(gated)).toEqual(new Set(["gemma", "llama3.2"]));
  });
});
