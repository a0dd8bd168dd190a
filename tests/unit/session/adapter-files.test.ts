// The exports of a run in every format: a refusing format costs itself alone.
import { describe, expect, test } from "vitest";
import { exportFormats, type ExportFormat } from "../../../src/export/formats.ts";
import { exportInFormats } from "../../../src/session/adapter-files.ts";
import { UserError } from "../../../src/util/errors.ts";
import { exampleRun } from "../checkpoint/example-run.ts";

const parrot: ExportFormat = {
  name: "parrot",
  label: "Parrot",
  files: ({ adapter }) => [
    { name: "parrot.json", bytes: new TextEncoder().encode(String(adapter.tensors.length)) },
  ],
};

describe("the exports of a run", () => {
  test("a format in the table becomes an entry with its files and an archive named after it", async () => {
    const [peft, made] = await exportInFormats(exampleRun(), [...exportFormats, parrot]);
    expect(peft).toMatchObject({ format: "peft", label: "PEFT", refusal: null });
    expect(peft?.files.map(({ name }) => name)).toContain("adapter_config.json");
    expect(made).toMatchObject({ format: "parrot", label: "Parrot", refusal: null });
    expect(made?.zip?.name).toMatch(/-lora-step-\d+-parrot\.zip$/);
    expect(Number(await made?.files[0]?.blob.text())).toBeGreaterThan(0);
  });

  test("a format that refuses the run says why and leaves the other formats whole", async () => {
    const refusing: ExportFormat = {
      ...parrot,
      files: () => {
        throw new UserError("bad-adapter", "Parrot cannot carry dropout.", { remedy: "Use PEFT." });
      },
    };
    const [made, peft] = await exportInFormats(exampleRun(), [refusing, ...exportFormats]);
    expect(made).toMatchObject({ files: [], zip: null, refusal: { remedy: "Use PEFT." } });
    expect(peft?.zip?.blob.size).toBeGreaterThan(0);
  });

  test("an error of the program in a format is not shown as a refusal", async () => {
    const broken: ExportFormat = {
      ...parrot,
      files: () => {
        throw new TypeError("broken");
      },
    };
    await expect(exportInFormats(exampleRun(), [broken])).rejects.toThrow("broken");
  });
});
