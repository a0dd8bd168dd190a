// Files that people brought: what is read of each, and what is said of it.
import { openAsBlob, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { readAll } from "../../../support/read-table.ts";

const folder = fileURLToPath(new URL("fixtures/", import.meta.url));

async function open(name: string) {
  const table = await openTable({ name, blob: await openAsBlob(`${folder}${name}`) });
  return { table, ...(await readAll(table.read())) };
}

const tailor = { prompt: "Who sews?", completion: "A tailor – with thread." };

describe("openTable of a file that was refused before", () => {
  test("a table with capitals in its header gives 12 rows", async () => {
    const { table, rows, faults } = await open("capital-header.csv");
    expect(table.description).toBe("CSV, comma");
    expect(rows).toHaveLength(12);
    expect(faults).toEqual([]);
    expect(rows[0]).toEqual({
      row: { Prompt: tailor.prompt, Completion: tailor.completion },
      line: 2,
    });
  });

  test("a table in Windows-1252 with semicolons is recognised as such", async () => {
    const { table, rows } = await open("ansi-semicolon.csv");
    expect(table.description).toBe("CSV, semicolon, Windows-1252");
    expect(rows).toHaveLength(12);
    expect(rows[0]?.row).toEqual(tailor);
    expect(rows[1]?.row["completion"]).toBe('It’s "green", très vert.');
  });

  test("a comma within a quoted name is no delimiter", async () => {
    const { table, rows } = await open("decimal-comma-header.csv");
    expect(table.description).toBe("CSV, semicolon");
    expect(Object.keys(rows[0]?.row ?? {})).toEqual(["prompt", "completion, final"]);
    expect(rows).toHaveLength(12);
  });

  test("line breaks in quotes belong to their field", async () => {
    const { rows } = await open("quoted-newlines.csv");
    expect(rows).toHaveLength(6);
    expect(rows[1]).toEqual({
      row: { prompt: "Line one\nline two", completion: "Yes,\nno" },
      line: 5,
    });
  });

  test("a cell with JSON is a conversation", async () => {
    const { rows } = await open("messages-as-json.csv");
    expect(rows).toHaveLength(12);
    expect(rows[0]?.row).toEqual({
      messages: [
        { role: "user", content: tailor.prompt },
        { role: "assistant", content: tailor.completion },
      ],
    });
  });

  test("an object that holds one list gives the rows of the list, by number", async () => {
    const { table, rows } = await open("wrapped.json");
    expect(table.kind).toBe("json");
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(rows[11]?.row).toEqual({ prompt: "Who sews?", completion: " A tailor." });
  });

  test("objects over several lines give a row each, at the line where they begin", async () => {
    const { table, rows } = await open("pretty-objects.jsonl");
    expect(table.kind).toBe("jsonl");
    expect(rows.map(({ line }) => line)).toEqual(Array.from({ length: 12 }, (_, i) => 4 * i + 1));
  });

  test("an invisible sign is the fault of its line, and all other rows are read", async () => {
    const { rows, faults } = await open("bom-in-the-middle.jsonl");
    expect(rows).toHaveLength(11);
    expect(faults).toEqual([
      {
        line: 7,
        what: "not JSON, unexpected invisible sign (byte order mark, U+FEFF) at column 1",
        text: '\uFEFF{"prompt": "Who sews?", "completion": " A tailor."}',
      },
    ]);
  });

  test.each(readdirSync(folder).filter((name) => name.includes(".")))(
    "%s is read without a fault, but for the one with an invisible sign",
    async (name) => {
      const { rows, faults } = await open(name);
      expect(rows.length + faults.length).toBeGreaterThanOrEqual(6);
      expect(faults).toHaveLength(name.startsWith("bom") ? 1 : 0);
    },
  );
});
