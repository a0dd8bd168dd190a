// Names of models as people write them, and the addresses they paste.
import { describe, expect, test } from "vitest";
import { parseHubName } from "../../../src/sources/hub/hub-name.ts";

const commit = "12fd25f77366fa6b3b4b768ec3050bf629380bac";

describe("a model's name", () => {
  test.each([
    ["HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M", null, null],
    ["  Qwen/Qwen2.5-0.5B\n", "Qwen/Qwen2.5-0.5B", null, null],
    ["a/b@v1.0", "a/b", "v1.0", null],
    [`a/b@${commit}`, "a/b", commit, null],
    ["a/b@refs/pr/3", "a/b", "refs/pr/3", null],
    ["a/b@", "a/b", null, null],
    ["a/b/model-Q4_0.gguf", "a/b", null, "model-Q4_0.gguf"],
    ["a/b/model-Q4_0.gguf@main", "a/b", "main", "model-Q4_0.gguf"],
    ["https://huggingface.co/a/b", "a/b", null, null],
    ["https://huggingface.co/a/b/", "a/b", null, null],
    ["https://hf.co/a/b?library=transformers#use", "a/b", null, null],
    ["https://huggingface.co/a/b/tree/main", "a/b", "main", null],
    ["https://huggingface.co/a/b/tree/main/onnx", "a/b", "main", null],
    ["https://huggingface.co/a/b/tree/refs%2Fpr%2F3", "a/b", "refs/pr/3", null],
    ["https://huggingface.co/a/b/tree/refs/pr/3", "a/b", "refs/pr/3", null],
    ["https://huggingface.co/a/b/blob/main/x.gguf", "a/b", "main", "x.gguf"],
    ["https://huggingface.co/a/b/resolve/v2/x.gguf?download=true", "a/b", "v2", "x.gguf"],
    ["https://mirror.test/hub/a/b/tree/v1", "a/b", "v1", null],
  ])("a model's name is read from %s", (text, name, revision, file) => {
    expect(parseHubName(text, "https://mirror.test/hub")).toEqual({ name, revision, file });
  });

  test.each([
    [""],
    ["gpt2"],
    ["a/"],
    ["/b"],
    ["a b/c"],
    ["a/b/../c"],
    ["a/b--c"],
    ["a/b..c"],
    ["-a/b"],
    ["a/b."],
    ["a/b@../x"],
    ["a/b@x y"],
    ["a/b@-x"],
    ["a/b/onnx/model.gguf"],
    [`a/${"b".repeat(95)}`],
    ["https://huggingface.co/a"],
    ["https://huggingface.co/datasets/a/b"],
    ["https://huggingface.co/spaces/a/b"],
    ["https://huggingface.co/a/%E0%A4%A"],
    ["https://example.com/a/b"],
    ["https://"],
    ["<script>/x"],
  ])("a wrong model name is refused with a remedy: %s", (text) => {
    expect(() => parseHubName(text)).toThrow(
      expect.objectContaining({
        code: "bad-model-name",
        remedy: expect.stringContaining("HuggingFaceTB/SmolLM2-135M-Instruct") as string,
      }),
    );
  });

  test("the name of a data set or of another host is refused with the reason", () => {
    expect(() => parseHubName("https://huggingface.co/datasets/a/b")).toThrow(/hub's datasets/);
    expect(() => parseHubName("https://example.com/a/b")).toThrow(
      /on example\.com, not on huggingface\.co/,
    );
  });
});
