// Which model on the Hub files are: certain for its own folders, else a guess with its reason.
import { expect, test } from "vitest";
import { guessHubName, isBaseName, type HubTraces } from "../../../src/model/hub-guess.ts";

const none = {
  folder: "own-model",
  fileName: null,
  savedFrom: undefined,
  sources: [],
  parent: null,
};
const guess = (traces: Partial<HubTraces>) => guessHubName({ ...none, ...traces });
const instruct = "HuggingFaceTB/SmolLM2-135M-Instruct";
const huggingFace = "https://huggingface.co/HuggingFaceTB/";

test("a folder of the Hub's cache is certain, and one of GGUF files is not", () => {
  const certain = { name: "org/small", isCertain: true };
  expect(guess({ folder: "org/small" })).toMatchObject(certain);
  expect(guess({ folder: "bartowski/other-GGUF" })).toBe(null);
});

test.each<[string, Partial<HubTraces>, string]>([
  ["a folder of a listed model", { folder: "SmolLM2-135M-Instruct" }, instruct],
  ["a folder in small letters", { folder: "smollm2-135m-instruct" }, instruct],
  ["a GGUF file of a listed model", { fileName: "SmolLM2-135M-Instruct.gguf" }, instruct],
  ["a quantised file", { fileName: "smollm2-135m-instruct-q4_k_m.gguf" }, instruct],
  ["a file by UD", { fileName: "SmolLM2-135M-Instruct-UD-IQ2_XXS.gguf" }, instruct],
  ["a file of a matrix", { fileName: "SmolLM2-135M-Instruct.i1-Q6_K.gguf" }, instruct],
  ["a file in f16", { fileName: "SmolLM2-135M-Instruct-bf16.gguf" }, instruct],
  [
    "a file of a repository of GGUF files",
    { folder: "bartowski/SmolLM2-135M-Instruct-GGUF", fileName: "SmolLM2-135M-Instruct-Q8_0.gguf" },
    instruct,
  ],
  ["a saved config", { savedFrom: "org/before" }, "org/before"],
  [
    "a source before a name",
    { fileName: "SmolLM2-135M-Instruct.gguf", sources: [undefined, `${huggingFace}Other`] },
    "HuggingFaceTB/Other",
  ],
  ["a source without address", { sources: ["org/source"] }, "org/source"],
  [
    "a sibling of the parent",
    { fileName: "Foo-1B-Chat-Q4_0.gguf", parent: "https://huggingface.co/org/Foo-1B" },
    "org/Foo-1B-Chat",
  ],
  ["the parent itself", { fileName: "foo-1b-q4_0.gguf", parent: "org/Foo-1B" }, "org/Foo-1B"],
])("%s is guessed, not certain", (_, traces, name) => {
  expect(guess(traces)).toMatchObject({ name, isCertain: false });
  expect(guess(traces)?.why).toMatch(/^[A-Zc].*\.$/);
});

test.each<[string, Partial<HubTraces>]>([
  ["files without a name", {}],
  ["a file of another name", { fileName: "model-q4.gguf", parent: "org/Foo-1B" }],
  ["a source elsewhere", { sources: ["https://example.com/org/name"] }],
  ["a source of GGUF files", { sources: [`${huggingFace}other-GGUF`] }],
  ["a data set", { sources: ["https://huggingface.co/datasets/org/rows"] }],
  ["a config that was saved from a folder", { savedFrom: "/fsx/checkpoints/step-100" }],
  ["a config that was saved from elsewhere", { savedFrom: { path: "org/name" } }],
  ["a title", { fileName: "Smollm2 135M 8k Lc100K Mix1 Ep2.gguf", parent: "org/Smollm2" }],
])("%s give no guess", (_, traces) => {
  expect(guess(traces)).toBe(null);
});

test("a base name is one that transformers can load", () => {
  expect(["org/a", "org/a-gguf", "a", "org/a/b", "org/--", ""].filter(isBaseName)).toEqual([
    "org/a",
  ]);
});
