// The exports of a checkpoint: what each format offers, what it refuses, and writing one of them.
import { describe, expect, test } from "vitest";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { exportFormats } from "../../../src/export/formats.ts";
import { textFile, type ExportFormat } from "../../../src/export/format.ts";
import { AdapterExports } from "../../../src/session/export/adapter-exports.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";
import { UserError } from "../../../src/util/errors.ts";
import { exampleRun } from "../checkpoint/example-run.ts";

const madeUp: ExportFormat = {
  name: "made-up",
  label: "Made up",
  valueTypes: ["Q8_0", "F16"],
  notes: () => ["Keeps nothing."],
  files: ({ adapter }) =>
    Promise.resolve([textFile("made-up.json", String(adapter.tensors.length))]),
};

const refuse = () => {
  throw new UserError("bad-adapter", "Made up: no dropout.", { remedy: "Use PEFT." });
};

function exportsOf(formats: readonly ExportFormat[], state: RunState = exampleRun()) {
  const events: SessionEvent[] = [];
  const store = { loadCheckpoint: () => Promise.resolve(state) } as unknown as CheckpointStore;
  const exports = new AdapterExports(
    {
      run: () => null,
      store,
      model: () => null,
      data: () => null,
      named: (base) => base,
      emit: (event) => events.push(event),
    },
    formats,
  );
  return { exports, events };
}

const asked = { requestId: 1, key: "any", format: "made-up", valueType: "Q8_0" } as const;

describe("the formats of an adapter", () => {
  test("PEFT comes first, with its types by bytes and what it keeps", async () => {
    const { exports } = exportsOf(exportFormats);
    const [peft] = await exports.list({ key: "any" });
    // Four matrices of ten values.
    expect(peft).toMatchObject({ format: "peft", label: "PEFT", refusal: null });
    expect(peft?.valueTypes).toEqual([
      { type: "F32", sizeBytes: 160 },
      { type: "F16", sizeBytes: 80 },
      { type: "BF16", sizeBytes: 80 },
    ]);
    expect(peft?.notes.join(" ")).toContain("on k_proj, q_proj. Nothing is folded.");
    expect(peft?.notes.join(" ")).toContain("base model in q4/64");
  });

  test("a format that refuses the run says why and leaves the other formats", async () => {
    const { exports } = exportsOf([{ ...madeUp, notes: refuse }, ...exportFormats]);
    const [made, peft] = await exports.list({ key: "any" });
    expect(made).toMatchObject({ notes: [], refusal: { remedy: "Use PEFT." } });
    expect(peft?.refusal).toBeNull();
  });

  test("an error of the program in a format is not shown as a refusal", async () => {
    const broken = () => {
      throw new TypeError("broken");
    };
    const { exports } = exportsOf([{ ...madeUp, notes: broken }]);
    await expect(exports.list({ key: "any" })).rejects.toThrow("broken");
  });
});

describe("writing an export", () => {
  test("a written export has its files and an archive named after format and type", async () => {
    const { exports } = exportsOf([madeUp]);
    const { files, zip } = await exports.write(asked);
    expect(zip.name).toMatch(/-lora-step-20-made-up\.zip$/);
    expect(files.map(({ name }) => name)).toEqual(["made-up.json"]);
    expect(await files[0]?.blob.text()).toBe("4");
    const f16 = await exports.write({ ...asked, valueType: "F16" });
    expect(f16.zip.name).toMatch(/-made-up-f16\.zip$/);
  });

  test("a cancelled export ends with an AbortError, and a later one with the same id does not", async () => {
    let isReached: () => void;
    const reached = new Promise<void>((resolve) => {
      isReached = resolve;
    });
    const slow: ExportFormat = {
      ...madeUp,
      files: async (run, options) => {
        isReached();
        options.progress(1, 2);
        await new Promise((resolve) => {
          options.signal.addEventListener("abort", resolve);
        });
        return await madeUp.files(run, options);
      },
    };
    const { exports, events } = exportsOf([slow, { ...madeUp, name: "other" }]);
    const writing = exports.write(asked);
    await reached;
    expect(exports.cancel({ requestId: 2 })).toBeNull();
    expect(exports.cancel({ requestId: 1 })).toBeNull();
    await expect(writing).rejects.toMatchObject({ name: "AbortError" });
    expect(events).toEqual([{ kind: "exportProgress", requestId: 1, doneBytes: 1, totalBytes: 2 }]);
    expect((await exports.write({ ...asked, format: "other" })).files).toHaveLength(1);
  });
});
