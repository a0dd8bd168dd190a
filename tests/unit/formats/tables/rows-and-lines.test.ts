// Values and line numbers of CSV and JSON Lines, and what is wrong with rows that cannot be read.
import { describe, expect, test } from "vitest";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { readAll } from "../../../support/read-table.ts";

async function read(name: string, text: string) {
  const table = await openTable({ name, blob: new Blob([text]) });
  return await readAll(table.read());
}
const faultsOf = async (name: string, text: string) =>
  (await read(name, text)).faults.map(({ line, what }) => [line, what]);

const numbersInDepth = { n: ["-12345678901234567890", { a: 9007199254740991 }] };
const digitsAsText = { n: "9007199254740993", "9007199254740993": 1 };

describe("numbers of JSON", () => {
  test.each([
    ['{"n": 9007199254740993}', { n: "9007199254740993" }],
    ['{"n": [-12345678901234567890, {"a": 9007199254740991}]}', numbersInDepth],
    ['{"n": "9007199254740993", "9007199254740993": 1}', digitsAsText],
    [
      '{"n": 0.12345678901234567, "m": 1e3, "e": 1e400}',
      { n: Number("0.12345678901234567"), m: 1000, e: null },
    ],
    ['{"n": "\\"9007199254740993", "m": NaN}', { n: '"9007199254740993', m: null }],
  ])("%s keep their digits, as text where a number is not exact", async (text, row) => {
    const name = "a.jsonl";
    expect((await read(name, `${text}\n${text}`)).rows.map((each) => each.row)).toEqual([row, row]);
    expect((await read("a.json", `[${text}]`)).rows.map((each) => each.row)).toEqual([row]);
  });
});

describe("a broken row of quotes", () => {
  // A search for strings that begins anew at each quote takes minutes.
  test.each(["NaN", "9007199254740993"])("with %s is described in time", async (number) => {
    const text = `{"n": ${number}, "text": ${'\\"'.repeat(400_000)}`;
    const what = `not JSON, unexpected \\ at column ${text.indexOf("\\") + 1}`;
    expect(await faultsOf("a.jsonl", `${text}\n{"n": 1}`)).toEqual([[1, what]]);
  });
});

describe("CSV", () => {
  test("rows are objects by column name, all strings, with their lines", async () => {
    expect((await read("f.csv", "prompt,completion\nHi,Hello\n1,\n")).rows).toEqual([
      { row: { prompt: "Hi", completion: "Hello" }, line: 2 },
      { row: { prompt: "1", completion: "" }, line: 3 },
    ]);
  });

  test("lines count over quoted line breaks, blank lines, a byte order mark and any line ending", async () => {
    const text = '\uFEFFa,b\r\n"one\r\ntwo","x ""y"""\r\n\r\n3,"4,5"\r\n\n6,7';
    const { rows, faults } = await read("f.csv", text);
    expect(rows.map(({ line, row }) => [line, row["b"]])).toEqual([
      [2, 'x "y"'],
      [5, "4,5"],
      [7, "7"],
    ]);
    expect(faults).toEqual([]);
  });

  test("a column __proto__ is an own property", async () => {
    const { rows } = await read("f.csv", "__proto__,a\nx,y\n");
    expect(Object.getOwnPropertyDescriptor(rows[0]!.row, "__proto__")?.value).toBe("x");
  });

  test.each([
    ["a,b\n1,2\n1,2,3\n", 3],
    ['a,b\n"x\ny",1\n1,"2\n', 4],
    ['a,b\n1,2\n1,"2"x\n', 3],
    [`a,b\n1,2\n1,${"x".repeat(2 ** 20 + 1)}\n`, 3],
  ])("a broken row has its line: %j", async (text, line) => {
    expect((await faultsOf("data.csv", text)).map(([at]) => at)).toEqual([line]);
  });
});

describe("JSON Lines", () => {
  test("rows have their lines, over a byte order mark, blank lines and every line ending", async () => {
    const text = '\uFEFF{"a":1}\r\n\n  \t\n{"a":2}\r{"a":3}\n{"a":"\u2028"}';
    expect((await read("f.jsonl", text)).rows).toEqual([
      { row: { a: 1 }, line: 1 },
      { row: { a: 2 }, line: 4 },
      { row: { a: 3 }, line: 5 },
      { row: { a: "\u2028" }, line: 6 },
    ]);
  });

  test("a row keeps __proto__ an own property", async () => {
    const { rows } = await read("f.jsonl", '{"__proto__":{"polluted":true}}\n{}\n');
    expect(Object.hasOwn(rows[0]!.row, "__proto__")).toBe(true);
    expect(rows[0]!.row["polluted"]).toBeUndefined();
  });

  test.each([
    ["[1,2]", "a list"],
    ["3", "a number"],
    ['"x"', "a string"],
    ['{"a":1', "it ends too early at column 7"],
    ["{'a':1}", "unexpected ' at column 2"],
    ['{"a":"x\ty"}', "unexpected \\t at column 8"],
    ['{"a":"😀",}', "unexpected } at column 11"],
    ["😀", "unexpected 😀 at column 1"],
    [`{"a":"${"x".repeat(2 ** 20)}"}`, "the limit is"],
  ])("a line that is no row says why: %.20s", async (line, says) => {
    const faults = await faultsOf("data.jsonl", `{"a":0}\n{"a":1}\n${line}\n{"a":2}\n`);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toEqual([3, expect.stringContaining(says)]);
  });
});
