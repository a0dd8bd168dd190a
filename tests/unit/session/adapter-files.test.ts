// The exports of a run in every format: a refusing format costs itself alone.
import { describe, expect, test } from "vitest";
import { exportFormats, type ExportFormat } from "../../../src/export/formats.ts";
import { exportInFormats } from "../../../src/session/adapter-files.ts";
import { UserError } from "../../../src/util/errors.ts";
import { exampleRun } from "../checkpoint/example-run.ts";

const madeUp: ExportFormat = {
  name: "made-up",
  label: "Made up",
  files: ({ adapter }) => [
    { name: "made-up.json", bytes: new TextEncoder().encode(String(adapter.tensors.length)) },
  ],
};

describe("the exports of a run", () => {
  test("a format in the table becomes an entry with its files and an archive named after it", async () => {
    const formats = await exportInFormats(exampleRun(), null, [...exportFormats, madeUp]);
    const [peft, made] = [formats[0], formats.at(-1)];
    expect(peft).toMatchObject({ format: "peft", label: "PEFT", refusal: null });
    expect(peft?.files.map(({ name }) => name)).toContain("adapter_config.json");
    expect(made).toMatchObject({ format: "made-up", label: "Made up", refusal: null });
    expect(made?.zip?.name).toMatch(/-lora-step-\d+-made-up\.zip$/);
    expect(Number(await made?.files[0]?.blob.text())).toBeGreaterThan(0);
  });

  test("a format that refuses the run says why and leaves the other formats whole", async () => {
    const refusing: ExportFormat = {
      ...madeUp,
      files: () => {
        throw new UserError("bad-adapter", "Made up: no dropout.", { remedy: "Use PEFT." });
      },
    };
    const [made, peft] = await exportInFormats(exampleRun(), null, [refusing, ...exportFormats]);
    expect(made).toMatchObject({ files: [], zip: null, refusal: { remedy: "Use PEFT." } });
    expect(peft?.zip?.blob.size).toBeGreaterThan(0);
  });

  test("an error of the program in a format is not shown as a refusal", async () => {
    const broken: ExportFormat = {
      ...madeUp,
      files: () => {
        throw new TypeError("broken");
      },
    };
    await expect(exportInFormats(exampleRun(), null, [broken])).rejects.toThrow("broken");
  });
});
