// Tables written by pandas, pyarrow, datasets and openpyxl give the rows that datasets reads.
import { openAsBlob, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { readAll } from "../../../support/read-table.ts";

const folder = fileURLToPath(new URL("../../../golden/tables/", import.meta.url));

interface Expected {
  by: string;
  rows: Record<string, unknown>[];
}

const expected = JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as Record<
  string,
  Expected
>;

/**
 * datasets gives every struct all fields, null where a row has none: those are left out here, as
 * the reader does. It gives text for JSON in a cell, and null for an empty cell of a CSV file.
 */
function asRead(value: unknown, isTable: boolean): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => asRead(item, isTable));
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== null);
    return Object.fromEntries(fields.map(([key, field]) => [key, asRead(field, isTable)]));
  }
  return value;
}

const structured = ["messages", "tools", "conversations", "history"];

function expectedRow(row: Record<string, unknown>, isTable: boolean): Record<string, unknown> {
  const cells = Object.entries(row).map(([column, value]) => {
    if (!isTable) {
      return [column, column === "id" ? "any" : asRead(value, isTable)] as const;
    }
    if (column === "id") {
      return [column, "any"] as const;
    }
    const text = (value ?? "") as string;
    return [column, structured.includes(column) ? JSON.parse(text) : text.replace(/\r\n?/g, "\n")];
  });
  // pandas' index is no column of the data.
  const columns = cells.filter(([column]) => column !== "__index_level_0__");
  return Object.fromEntries(columns) as Record<string, unknown>;
}

describe("openTable of a file written by a Python package", () => {
  test.each(Object.keys(expected))("%s gives the rows that Python reads", async (name) => {
    const table = await openTable({ name, blob: await openAsBlob(`${folder}files/${name}`) });
    const { rows, faults } = await readAll(table.read());
    expect(faults).toEqual([]);
    const isTable = table.kind === "csv" || table.kind === "xlsx";
    const read = rows.map(({ row }) => row);
    const wanted = expected[name]!.rows.map((row) => expectedRow(row, isTable));
    if (table.kind === "text") {
      // datasets keeps the line end of the file in its last paragraph.
      wanted.push({ text: (wanted.pop()!["text"] as string).trimEnd() });
    }
    expect(read.map((row) => (isTable ? row : asRead(row, false)))).toEqual(
      wanted.map((row, i) => ("id" in row ? { ...row, id: read[i]!["id"] } : row)),
    );
  });

  test("an integer beyond 2^53 is text, since a number would not be exact", async () => {
    const name = "messages-zstd.parquet";
    const table = await openTable({ name, blob: await openAsBlob(`${folder}files/${name}`) });
    const { rows } = await readAll(table.read());
    expect(rows.map(({ row }) => row["id"])).toEqual(["9007199254740993", 2]);
  });
});
