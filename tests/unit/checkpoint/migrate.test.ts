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

test("each migration runs once, in order, and the schema counts up", () => {
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

test("migration starts from the schema of the file", () => {
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

test("metadata of the current schema is not migrated", () => {
  const metadata = new Map([["schema", String(currentSchema)]]);
  expect(migrate(metadata, "file")).toBe(metadata);
});

test("migration rejects a gap in the table and a newer schema", () => {
  expect(() => migrate(new Map([["schema", "3"]]), "file", table, 4)).toThrow(
    /No migration from schema 3/,
  );
  expect(() => migrate(new Map([["schema", "4"]]), "file", table, 3)).toThrow(
    /newer version of Anneal/,
  );
});

test("every schema before the current one has a migration", () => {
  const steps = Array.from({ length: currentSchema - 1 }, (_, i) => i + 1);
  expect([...migrations.keys()].sort((a, b) => a - b)).toEqual(steps);
});
