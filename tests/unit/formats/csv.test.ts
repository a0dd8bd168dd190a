// CSV with a header row: values, line numbers and refusals.
import { describe, expect, test } from "vitest";
import { parseCsv } from "../../../src/formats/csv.ts";

describe("parseCsv", () => {
  test("parseCsv returns rows by column name, all strings, with their lines", () => {
    expect(parseCsv("prompt,completion\nHi,Hello\n1,\n", "f")).toEqual([
      { row: { prompt: "Hi", completion: "Hello" }, line: 2 },
      { row: { prompt: "1", completion: "" }, line: 3 },
    ]);
  });

  test("parseCsv counts lines over quoted line breaks, blank lines, a byte order mark and any line ending", () => {
    const text = '\uFEFFa,b\r\n"one\r\ntwo","x ""y"""\r\n\r\n3,"4,5"\r\n\n6,7';
    expect(parseCsv(text, "f")).toEqual([
      { row: { a: "one\ntwo", b: 'x "y"' }, line: 2 },
      { row: { a: "3", b: "4,5" }, line: 5 },
      { row: { a: "6", b: "7" }, line: 7 },
    ]);
  });

  test.each([
    ["tab", "\n\na\tb\n1\t2,3\n", "2,3"],
    ["semicolon", "a;b\n1;2,3\n", "2,3"],
    ["comma", "a,b\n1,2;3\n", "2;3"],
  ])("parseCsv uses the %s of the header as the delimiter", (_, text, b) => {
    expect(parseCsv(text, "f")[0]!.row).toEqual({ a: "1", b });
  });

  test("parseCsv accepts a single column", () => {
    expect(parseCsv("text\nHello\n\nWorld\n", "f").map(({ line }) => line)).toEqual([2, 4]);
  });

  test("parseCsv keeps a column __proto__ an own property", () => {
    const [parsed] = parseCsv("__proto__,a\nx,y\n", "f");
    expect(Object.getOwnPropertyDescriptor(parsed!.row, "__proto__")?.value).toBe("x");
  });

  test.each([
    ["a,b,a\n1,2,3\n", 'data.csv, line 1: The header is broken: the column name "a" appears twice'],
    ["a,,c\n1,2,3\n", "column 2 has no name"],
    ["a, \n1,2\n", "column 2 has no name"],
    ['a,"b\n1,2\n', "never closed"],
    [
      "a,b\n1,2\n1,2,3\n",
      "data.csv, line 3: fields: 3, columns in the header: 2. Nothing was loaded.\n1,2,3",
    ],
    ["a,b\n1\n", "data.csv, line 2: fields: 1, columns in the header: 2"],
    ['a,b\n"x\ny",1\n1,"2\n', "data.csv, line 4: a quoted field that is never closed"],
    ['a,b\n1,"2"x\n', "data.csv, line 2: text after a closing quote"],
    [`a\n${"x".repeat(2 ** 20 + 1)}\n`, "the limit is 1048576"],
  ])("parseCsv refuses %j", (text, says) => {
    expect(() => parseCsv(text, "data.csv")).toThrow(says);
  });

  test("parseCsv reports several broken rows together", () => {
    expect(() => parseCsv("a,b\n1\n2,3\n4\n", "data.csv")).toThrow(
      "data.csv: 2 rows are broken. Nothing was loaded.\n" +
        "line 2: fields: 1, columns in the header: 2: 1\n" +
        "line 4: fields: 1, columns in the header: 2: 4",
    );
  });

  test.each(["", "\n\n", "a,b\n"])("parseCsv reports that %j has no rows", (text) => {
    expect(() => parseCsv(text, "data.csv")).toThrow("data.csv: The file has no rows.");
  });
});
