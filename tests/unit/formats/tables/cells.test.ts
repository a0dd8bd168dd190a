// Cells of workbooks of both date systems, by openpyxl: dates, texts, errors, formulas and merges.
import { openAsBlob, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { writeXlsx } from "hucre/xlsx";
import { readAll } from "../../../support/read-table.ts";

const folder = fileURLToPath(new URL("../../../golden/tables/cells/", import.meta.url));
type Value = string | number | boolean | null;
const expected = JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as Record<
  string,
  [prompt: string, completion: Value, note: Value][]
>;

/** openpyxl gives a day its midnight, and a second six digits. Errors are no values. */
function wanted(prompt: string, value: Value): Value {
  if (typeof value !== "string" || prompt === "midnight") {
    return value;
  }
  return value.startsWith("#")
    ? null
    : value.replace(/ 00:00:00$/, "").replace(/\.(\d{3})0+$/, ".$1");
}

describe.each(["1900", "1904"])("a workbook that counts days from %s", (name) => {
  test("gives the values that openpyxl reads, of sheets that are not hidden", async () => {
    const blob = await openAsBlob(`${folder}${name}.xlsx`);
    const table = await openTable({ name: `${name}.xlsx`, blob });
    expect(table.sheets).toEqual(["Cells", "Other"]);
    const { rows, faults, notes } = await readAll(table.read());
    expect(faults).toEqual([]);
    expect(notes).toEqual(["Cells with an error, such as #N/A, are read as empty."]);
    expect(rows.map(({ row }) => row)).toEqual(
      expected[name]!.map(([prompt, completion, note]) => ({
        prompt,
        completion: wanted(prompt, completion),
        note,
      })),
    );
  });
});

test("a title above the header is named where rows have more columns than it", async () => {
  const rows = [["Questions of 2024"], ["prompt", "completion"], ["Who?", "A tailor."]];
  const bytes = await writeXlsx({ sheets: [{ name: "A", rows }] });
  const blob = new Blob([Uint8Array.from(bytes)]);
  const { faults } = await readAll((await openTable({ name: "a.xlsx", blob })).read());
  expect(faults.map(({ line, what }) => [line, what])).toEqual(
    [2, 3].map((line) => [
      line,
      'a value in column 2, which has no name in the header (row 1: "Questions of 2024")',
    ]),
  );
});
