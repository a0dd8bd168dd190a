// Which kind a file is by its content, and what is said of files that are no table.
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openTable } from "../../../../src/data/files/open-table.ts";
import { blobOf, readAll } from "../../../support/read-table.ts";

async function open(name: string, content: string | Uint8Array<ArrayBuffer>) {
  const table = await openTable({ name, blob: new Blob([content]) });
  return { kind: table.kind, ...(await readAll(table.read())) };
}

const row = '{"prompt":"Who?","completion":"I."}';

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.padEnd(600, "\0"), (sign) => sign.charCodeAt(0));
}

describe("a text that is read whole", () => {
  const line = "The tailor sews a coat of wool for the captain.";
  const read = async (text: string | Uint8Array<ArrayBuffer>) => {
    const table = await openTable({ name: "a.txt", blob: blobOf(text) }, { textRows: "whole" });
    return readAll(table.read());
  };

  test("is the rows when joined, each of which tells whether it goes on and where it begins", async () => {
    const text = `${line}\n${line}\n\n\n`.repeat(4000).trimEnd();
    const { rows, faults } = await read(`\n \n${text}\n\n`);
    expect(faults).toEqual([]);
    expect(rows.map(({ row }) => row["text"]).join("") === text).toBe(true);
    expect(rows.map(({ row }) => row["continues"])).toEqual([true, true, false]);
    const lines = `\n \n${text}`.split("\n");
    rows.forEach(({ row, line: number }) => {
      expect(lines[number - 1]).toBe((row["text"] as string).split("\n")[0]);
      expect((row["text"] as string).length).toBeLessThanOrEqual(2 ** 17);
    });
  });

  test("is the rows when joined, also where one line has no place to cut", async () => {
    const text = `${"x".repeat(300_000)}😀${"y".repeat(300_000)}`;
    const { rows } = await read(text);
    expect(rows.map(({ row }) => row["text"]).join("") === text).toBe(true);
    expect(rows.every(({ line: number }) => number === 1)).toBe(true);
  });

  test("leaves out a line with a byte that is not UTF-8, and no more", async () => {
    const bytes = new TextEncoder().encode(`ä\n${line}\nx€\n${line}`);
    bytes[bytes.indexOf("x".charCodeAt(0))] = 0xe9;
    const { rows, faults } = await read(bytes);
    expect(rows.map(({ row }) => row["text"])).toEqual([`ä\n${line}\n${line}`]);
    expect(faults.map((fault) => [fault.line, fault.what])).toEqual([
      [3, "the byte 0xE9, which is not UTF-8"],
    ]);
  });
});

describe("openTable goes by the content first", () => {
  test.each([
    ["rows.json", `${row}\n${row}\n`, "jsonl", 2],
    ["rows.txt", `${row}\n${row}\n`, "jsonl", 2],
    ["rows.jsonl", `[${row},\n${row}]`, "json", 2],
    ["rows.csv", `[${row}]`, "json", 1],
    ["one.json", row, "json", 1],
    ["one.json", '{"messages":[{"role":"user","content":"Hi"}]}', "json", 1],
    ["rows.txt", "prompt,completion\na,b\nc,d\n", "csv", 2],
    ["rows", "prompt\tcompletion\na, b\tb\nc\td\n", "csv", 2],
    ["prose.txt", "Well, then,\nyes, no,\n\nand, so\n", "text", 2],
    ["links.md", "[a](b), c\n\n[d](e), f\n", "text", 2],
    ["broken.jsonl", `{"prompt": "x\n${row}\n${row}\n`, "jsonl", 2],
  ])("%s of %j is %s", async (name, content, kind, count) => {
    const read = await open(name, content);
    expect(read.kind).toBe(kind);
    expect(read.rows).toHaveLength(count);
  });

  test("a .gz is what is in it", async () => {
    const read = await open("rows.json.gz", new Uint8Array(gzipSync(`${row}\n${row}`)));
    expect(read).toMatchObject({ kind: "jsonl", faults: [] });
  });
});

describe("openTable says what a file is that holds no rows", () => {
  test.each([
    ["%PDF-1.7", "a PDF document"],
    ["ARROW1\0\0", "an Arrow or Feather file"],
    ["\xff\xff\xff\xff\x10\x01\0\0", "an Arrow stream"],
    ["\x28\xb5\x2f\xfd\x24", "packed with Zstandard"],
    ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office program, most likely .xls"],
    [`\xd0\xcf\x11\xe0${"EncryptedPackage".replace(/./g, "$&\0")}`, "with a password"],
    ["PK\x03\x04 word/document.xml", "a Word document"],
    ["PK\x03\x04 model/data.pkl", "weights of a model (PyTorch)"],
    ["PK\x03\x04 a/train.jsonl", "a zip archive"],
    ["GGUF\x03\0\0\0", "a model (GGUF)"],
    ['\x08\x01\0\0\0\0\0\0{"w":', "weights of a model (safetensors)"],
    ["<!DOCTYPE html><p>", "a web page"],
    ["version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"],
    ["\x01\x02\x03\x04\x05\x06\x07", "neither text nor a table"],
  ])("%j is refused as %s", async (content, says) => {
    const opening = open("data.jsonl", bytes(content));
    await expect(opening).rejects.toMatchObject({ name: "UserError", where: "data.jsonl" });
    await expect(opening).rejects.toThrow(says);
  });

  test("text of an encoding that cannot be told is refused, and read when it is chosen", async () => {
    const gbk = Uint8Array.from("prompt,completion\n\xc4\xe3\xba\xc3,\xca\xc0\xbd\xe7\n", (sign) =>
      sign.charCodeAt(0),
    );
    await expect(open("rows.csv", gbk)).rejects.toThrow("neither UTF-8, UTF-16 nor Windows-1252");
    const table = await openTable(
      { name: "rows.csv", blob: new Blob([gbk]) },
      { encoding: "windows-1252" },
    );
    expect((await readAll(table.read())).rows).toHaveLength(1);
  });

  test("an empty file is refused, and gzip that is cut off", async () => {
    await expect(open("a.jsonl", "")).rejects.toMatchObject({ code: "empty-data" });
    const cut = new Uint8Array(gzipSync(`${row}\n`.repeat(99))).slice(0, 40);
    await expect(open("a.jsonl.gz", cut)).rejects.toThrow("The gzip data is damaged or cut off.");
  });

  test("an object of several lists is refused with their names", async () => {
    await expect(open("a.json", `{"train":[${row}],"test":[${row}]}`)).rejects.toThrow(
      'several lists: "train", "test"',
    );
  });
});

describe("openTable of a table", () => {
  test.each([
    ["a,b,a\n1,2,3\n", 'the column name "a" appears twice'],
    ["a,,c\n1,2,3\n", "column 2 has no name"],
    ['a,"b\n1,2\n', "a quoted field that is never closed"],
  ])("refuses the header of %j", async (content, says) => {
    await expect(open("a.csv", content)).rejects.toThrow(`line 1: The header is broken: ${says}`);
  });

  test("lists rows with too few and too many fields, and those with bytes that are not UTF-8", async () => {
    const content = Uint8Array.from("a,b\n1\n2,3\n4,5,6\n7,8,,\n\xc3\xa9,\xe9\n", (sign) =>
      sign.charCodeAt(0),
    );
    const { rows, faults } = await open("a.csv", content);
    expect(rows.map(({ line }) => line)).toEqual([3, 5]);
    expect(faults.map(({ line, what }) => `${line}: ${what}`)).toEqual([
      "2: fields: 1, columns in the header: 2",
      "4: fields: 3, columns in the header: 2",
      "6: the byte 0xE9, which is not UTF-8",
    ]);
  });

  test("keeps a completion that is JSON as the text that it is", async () => {
    const { rows } = await open("a.csv", 'prompt,completion\nx,"{ ""a"": 1 }"\n');
    expect(rows[0]?.row["completion"]).toBe('{ "a": 1 }');
  });

  test("keeps a column __proto__ an own property", async () => {
    const { rows } = await open("a.csv", "__proto__,a\nx,y\n");
    expect(Object.getOwnPropertyDescriptor(rows[0]!.row, "__proto__")?.value).toBe("x");
  });

  test("lists a row of more than 1 MiB by its beginning", async () => {
    const long = `{"a":"${"x".repeat(2 ** 20)}"}`;
    for (const name of ["a.jsonl", "a.json"]) {
      const content = name === "a.jsonl" ? `${row}\n${long}\n${row}` : `[${row},${long},${row}]`;
      const { rows, faults } = await open(name, content);
      expect(rows).toHaveLength(2);
      expect(faults).toMatchObject([
        { line: 2, what: "1048584 characters long, the limit is 1048576" },
      ]);
      expect(faults[0]!.text).toHaveLength(200);
    }
  });

  test("lists the row within which a list was cut off, and says so", async () => {
    const { rows, faults, notes } = await open("a.json", `[${row},{"prompt":"Wh`);
    expect(rows).toHaveLength(1);
    expect(faults[0]?.what).toBe("the file ends within this row");
    expect(notes).toEqual(["The file ends before its list does: it was cut off."]);
  });
});
