// Folders that hold something else than a model that can be opened: each says what it is and what
// to do.
import { describe, expect, test } from "vitest";
import { openModel } from "../../../../src/model/open.ts";
import { fileSetOf } from "../../../../src/sources/files.ts";
import { tensorFile, tinyContents, tinyFolder, tinyTensors } from "../tiny-model.ts";

const noWeights = { "model.safetensors": null };
const adapter = JSON.stringify({ peft_type: "LORA", base_model_name_or_path: "org/base" });

describe("a folder with other contents", () => {
  test.each<[string, Parameters<typeof tinyFolder>[0], string, string]>([
    [
      "an adapter",
      { ...noWeights, "config.json": null, "adapter_config.json": adapter },
      "tiny holds an adapter, not a model.",
      "Choose its base model, org/base as the model.",
    ],
    [
      "pickled weights",
      { ...noWeights, "pytorch_model.bin": "PK" },
      "tiny holds weights in PyTorch's pickle format, which can run code and is not read.",
      "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)",
    ],
    [
      "weights in .pth",
      { ...noWeights, "consolidated.00.pth": "PK" },
      "tiny holds weights in PyTorch's pickle format, which can run code and is not read.",
      "save_pretrained(folder)",
    ],
    [
      "ONNX",
      { ...noWeights, "model.onnx": "x" },
      "tiny holds an ONNX model, which is made for inference and is not read.",
      "Choose the model that it was exported from",
    ],
    [
      "a zip",
      { ...noWeights, "config.json": null, "model.zip": "PK" },
      "tiny holds an archive, which is not opened.",
      "Unpack it",
    ],
    [
      "Mistral's format",
      { ...noWeights, "config.json": null, "params.json": "{}", "consolidated.safetensors": "x" },
      "tiny holds Mistral's original format (params.json, consolidated.safetensors).",
      "config.json and model*.safetensors",
    ],
    [
      "a tokenizer.model alone",
      { "tokenizer.json": null, "tokenizer.model": "x" },
      "tiny has a tokenizer.model but no tokenizer.json.",
      "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
    ],
    [
      "one of two parts",
      { ...noWeights, "model-00001-of-00002.safetensors": tensorFile(tinyTensors().slice(1)) },
      "1 of 2 weights files are missing: model-00002-of-00002.safetensors.",
      "Choose all .safetensors files",
    ],
  ])("the folder is refused with what it is and the way out: %s", async (_, changes, says, way) => {
    await expect(openModel(tinyFolder(changes))).rejects.toMatchObject({
      message: expect.stringContaining(says) as string,
      remedy: expect.stringContaining(way) as string,
    });
  });

  test("a config that wraps a language model says that it has a vision part", async () => {
    const config = JSON.stringify({
      architectures: ["Qwen2_5_VLForConditionalGeneration"],
      text_config: { hidden_size: 8 },
    });
    await expect(openModel(tinyFolder({ "config.json": config }))).rejects.toMatchObject({
      code: "unsupported-architecture",
      message: expect.stringContaining(
        'The architecture "Qwen2_5_VLForConditionalGeneration" with its vision part is not supported.',
      ) as string,
    });
  });

  test("files that macOS writes beside each file are no part of a model", async () => {
    const picked = [...tinyContents()].flatMap(([name, blob]) => [
      { file: new File([blob], name), path: `tiny/${name}` },
      { file: new File(["companion"], `._${name}`), path: `tiny/._${name}` },
      { file: new File(["companion"], `._${name}`), path: `._${name}` },
    ]);
    const set = fileSetOf(picked);
    expect([...set.files.keys()]).toEqual([...tinyContents().keys()]);
    expect((await openModel(set)).name).toBe("tiny");
  });
});
