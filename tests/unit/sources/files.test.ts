// A picked or dropped folder as the files of one model.
import { describe, expect, test } from "vitest";
import { fileSetOf, textOf, type PickedFile } from "../../../src/sources/files.ts";

function picked(path: string): PickedFile {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { file: new File([`contents of ${path}`], name), path };
}

const namesOf = (...paths: string[]) => {
  const { name, files } = fileSetOf(paths.map(picked));
  return { name, files: [...files.keys()] };
};

describe("a model's files", () => {
  test("a model's files are those of the picked folder, which names the model", () => {
    const set = fileSetOf([picked("smol/config.json"), picked("smol/model.safetensors")]);
    expect(set).toMatchObject({ source: "files", name: "smol" });
    expect([...set.files.keys()]).toEqual(["config.json", "model.safetensors"]);
  });

  test("files in subfolders are left out, even with the name of a model file", async () => {
    const set = fileSetOf([picked("m/onnx/config.json"), picked("m/config.json")]);
    expect([...set.files.keys()]).toEqual(["config.json"]);
    expect(await textOf(set, "config.json")).toBe("contents of m/config.json");
  });

  test("further chat templates are read from their folder, by path", () => {
    const folder = "additional_chat_templates";
    const paths = ["config.json", `${folder}/tool_use.jinja`, `${folder}/notes.txt`];
    const files = ["config.json", `${folder}/tool_use.jinja`];
    expect(namesOf(...paths)).toMatchObject({ files });
    expect(namesOf(...paths.map((path) => `m/${path}`))).toMatchObject({ files });
  });

  test("a model folder may be nested in folders without files", () => {
    expect(namesOf("cache/models/smol/config.json", "cache/models/smol/README.md")).toEqual({
      name: "smol",
      files: ["config.json", "README.md"],
    });
  });

  test("a model's files may be picked one by one", () => {
    expect(namesOf("config.json", "tokenizer.json")).toEqual({
      name: "own-model",
      files: ["config.json", "tokenizer.json"],
    });
  });

  test("the folder with the model is found below folders with other files", () => {
    expect(namesOf("hub/notes.txt", "hub/smol/config.json", "hub/smol/model.safetensors")).toEqual({
      name: "smol",
      files: ["config.json", "model.safetensors"],
    });
  });

  test("a folder of the hub's cache is named by the model, not by its commit", () => {
    const top = "models--org--small-model";
    const commit = `${top}/snapshots/${"a".repeat(40)}`;
    expect(
      namesOf(`${top}/refs/main`, `${top}/blobs/abc`, `${commit}/config.json`, `${commit}/x.gguf`),
    ).toEqual({ name: "org/small-model", files: ["config.json", "x.gguf"] });
  });

  test("a single .gguf names its model", () => {
    expect(namesOf("SmolLM2-135M.Q4_1.gguf")).toEqual({
      name: "SmolLM2-135M.Q4_1",
      files: ["SmolLM2-135M.Q4_1.gguf"],
    });
  });

  test("files of several models are refused with the models' folders", () => {
    expect(() => fileSetOf(["m/a/config.json", "m/b/x.gguf"].map(picked))).toThrow(
      expect.objectContaining({
        code: "missing-file",
        remedy: "Choose the folder of one of them: m/a, m/b.",
      }),
    );
  });

  test("an empty selection is refused", () => {
    expect(() => fileSetOf([])).toThrow(expect.objectContaining({ code: "missing-file" }));
  });
});

describe("a missing file", () => {
  const refusal = (paths: string[]) =>
    expect(textOf(fileSetOf(paths.map(picked)), "config.json")).rejects;

  test("a missing file is named, with the files that were found", async () => {
    await refusal(["m/a.txt", "m/b.txt"]).toMatchObject({
      code: "missing-file",
      where: "config.json",
      message: "config.json: The file is missing from m.",
      remedy: expect.stringMatching(/Found: a\.txt, b\.txt\.$/) as string,
    });
  });

  test("the error about a missing file lists at most eight found files", async () => {
    const paths = Array.from({ length: 9 }, (_, i) => `m/${i}.txt`);
    await refusal(paths).toMatchObject({
      remedy: expect.stringMatching(/Found: 0\.txt, .*7\.txt and more\.$/) as string,
    });
  });
});
