// Several files at once: which are trained on, which are held out, which are skipped.
import { openAsBlob, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { arrangeFiles } from "../../../../src/data/files/arrange.ts";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { rowsOf } from "../../../support/read-table.ts";

const blob = new Blob(["{}"]);

function arrange(...paths: string[]) {
  const {
    train,
    heldOut,
    test: tested,
    skipped,
    sentence,
  } = arrangeFiles(paths.map((path) => ({ path, blob })));
  const names = (files: readonly { path: string }[]) => files.map(({ path }) => path);
  return {
    train: names(train),
    heldOut: names(heldOut),
    test: names(tested),
    skipped: names(skipped),
    sentence,
  };
}

describe("arrangeFiles", () => {
  test("a folder as MLX takes it has 20 rows to train on, 6 held out and 4 that are said", async () => {
    const folder = fileURLToPath(new URL("fixtures/mlx-folder/", import.meta.url));
    const files = await Promise.all(
      readdirSync(folder).map(async (path) => ({ path, blob: await openAsBlob(folder + path) })),
    );
    const arranged = arrangeFiles(files);
    const counts = async (of: typeof files) => {
      const tables = of.map(({ path, blob: content }) => openTable({ name: path, blob: content }));
      const rows = await Promise.all(tables.map(async (table) => rowsOf(await table)));
      return rows.flat().length;
    };
    expect(await counts(arranged.train)).toBe(20);
    expect(await counts(arranged.heldOut)).toBe(6);
    expect(await counts(arranged.test)).toBe(4);
    expect(arranged.sentence).toBe(
      "train.jsonl to train on, valid.jsonl held out, test.jsonl is not used.",
    );
  });

  test.each([
    ["valid.jsonl"],
    ["data/validation-00000-of-00003.parquet"],
    ["my_val.csv"],
    ["dev/part.json"],
    ["eval-2024.jsonl"],
    ["held-out.csv"],
    ["HeldOut.csv"],
  ])("%s beside train.jsonl is held out", (path) => {
    expect(arrange("train.jsonl", path)).toMatchObject({ train: ["train.jsonl"], heldOut: [path] });
  });

  test.each(["evaluate-me.txt", "validity.csv", "testament.txt", "trainers.csv", "devices.json"])(
    "%s has no role, since the word is only a part of another",
    (path) => {
      expect(arrange("a.csv", path).train).toHaveLength(2);
    },
  );

  test("shards are in the order of their numbers", () => {
    const paths = [10, 9, 1].map((i) => `data/train-${i}-of-12.parquet`);
    expect(arrange(...paths, "data/test-1-of-1.parquet").train).toEqual(paths.reverse());
  });

  test("files without roles are trained on together, and one file whatever its name", () => {
    expect(arrange("b.csv", "a.csv")).toMatchObject({
      train: ["a.csv", "b.csv"],
      sentence: "2 files to train on.",
    });
    expect(arrange("test.csv")).toMatchObject({ train: ["test.csv"], test: [] });
    expect(arrange("test.csv", "valid.csv").train).toHaveLength(2);
    expect(arrange("a.csv", "valid.csv")).toMatchObject({
      train: ["a.csv"],
      heldOut: ["valid.csv"],
    });
  });

  test("what lies beside data is skipped with a reason", () => {
    const beside = [
      ...["._train.jsonl", ".DS_Store", "__MACOSX/train.jsonl", ".git/train.json", "README.md"],
      ...["LICENSE", "dataset_info.json", "x/state.json"],
    ];
    const { train, skipped, sentence } = arrange("train.jsonl", ...beside);
    expect(train).toEqual(["train.jsonl"]);
    expect(skipped.toSorted()).toEqual(beside.toSorted());
    expect(sentence).toBe("train.jsonl to train on.");
  });

  test("a file without a role beside files with one is skipped, not trained on", () => {
    expect(arrange("train.csv", "notes.csv")).toMatchObject({
      train: ["train.csv"],
      skipped: ["notes.csv"],
    });
  });
});
