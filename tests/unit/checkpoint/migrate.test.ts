// Older schemas come to the present one step by step. The table here is made up; container.test.ts
// reads older files.
import { expect, test } from "vitest";
import { currentSchema, migrate, migrations } from "../../../src/checkpoint/file/migrate.ts";

const rename = (from: string, to: string) => (metadata: ReadonlyMap<string, string>) =>
  new Map([...metadata].map(([key, value]) => [key === from ? to : key, value]));

const table = new Map([
  [1, rename("a", "b")],
  [2, rename("b", "c")],
]);

test("each step runs once, in order, and the schema counts up", () => {
  const metadata = new Map([
    ["schema", "1"],
    ["a", "x"],
  ]);
  const migrated = migrate(metadata, "file", table, 3);
  expect([...migrated]).toEqual([
    ["schema", "3"],
    ["c", "x"],
  ]);
  expect(metadata.has("a")).toBe(true);
});

test("starts where the file is", () => {
  const metadata = new Map([
    ["schema", "2"],
    ["a", "x"],
    ["b", "y"],
  ]);
  expect(Object.fromEntries(migrate(metadata, "file", table, 3))).toEqual({
    schema: "3",
    a: "x",
    c: "y",
  });
});

test("leaves the present schema alone", () => {
  const metadata = new Map([["schema", String(currentSchema)]]);
  expect(migrate(metadata, "file")).toBe(metadata);
});

test("refuses a gap in the table and a newer schema", () => {
  expect(() => migrate(new Map([["schema", "3"]]), "file", table, 4)).toThrow(
    /No migration from schema 3/,
  );
  expect(() => migrate(new Map([["schema", "4"]]), "file", table, 3)).toThrow(
    /newer version of Anneal/,
  );
});

test("every schema before the present one has its step", () => {
  const steps = Array.from({ length: currentSchema - 1 }, (_, i) => i + 1);
  expect([...migrations.keys()].sort((a, b) => a - b)).toEqual(steps);
});
