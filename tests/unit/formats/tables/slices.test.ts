// Every reader gives the same rows wherever the file is cut into slices.
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { RowBatch } from "../../../../src/formats/table.ts";
import { readCsv } from "../../../../src/formats/tables/csv/csv.ts";
import { readJson } from "../../../../src/formats/tables/json/json.ts";
import { readJsonl } from "../../../../src/formats/tables/json/jsonl.ts";
import { readParagraphs, readWholeText } from "../../../../src/formats/tables/text.ts";
import type { TextFile } from "../../../../src/formats/tables/text-stream.ts";
import { readAll } from "../../../support/read-table.ts";

type Reader = (file: TextFile, signal?: AbortSignal) => AsyncGenerator<RowBatch>;

const readers: Record<string, { read: Reader; text: string }> = {
  jsonl: {
    read: readJsonl,
    text:
      '\uFEFF{"a":"ä😀\\"\\\\n","b":[{}]}\r\n\r\n{"a":NaN}\r{"a":\n "x",\n "b": {"c": "]}"}\n}\nnope\n' +
      '{"a": [\n{"a":2}\n{"a":3}\n{"half":"\\ud83d"}\n{"last":"\u2028é"}',
  },
  json: {
    read: readJson,
    text: '{"version":"1,[","data":[ {"a":"ä😀\\"]}"} ,\r\n{"b":[1,{"c":NaN}]},3,{"d":}, {}],"n":{"x":[{}]}}\n',
  },
  "a list of json": { read: readJson, text: ' [{"a":"[ä"},{"b":"\\\\"},\n\n{"c":1}]' },
  "columns of json": { read: readJson, text: '{"a":["ä","b"],"c":[1,null]}' },
  csv: {
    read: (file, signal) => readCsv(file, ";", signal),
    text:
      'sep=;\r\n;a ;b;\r\n0;"one\r\ntwo";"x ""ä😀"" "\r\n\r\n1;[1];2;;\n2;"bad"x;1\n;;\r3;"" ;\n' +
      '4;"open\n5;c;d',
  },
  "a whole text": { read: readWholeText, text: "\n# ä😀\r\n\r\n\r\nb\rca\n \nd\n\n" },
  text: { read: readParagraphs, text: "# ä😀\r\n\r\n\r\nb\rca\n \nd\n\n" },
};

const encoder = new TextEncoder();

function fileOf(bytes: Uint8Array<ArrayBuffer>, more: Partial<TextFile> = {}): TextFile {
  return {
    name: "data",
    blob: new Blob([bytes]),
    isGzip: false,
    encoding: "utf-8",
    isEncodingCertain: false,
    ...more,
  };
}

/** UTF-16, little-endian, with its mark. */
function utf16(text: string): Uint8Array<ArrayBuffer> {
  const marked = `\uFEFF${text}`;
  const units = Uint16Array.from({ length: marked.length }, (_, i) => marked.charCodeAt(i));
  return new Uint8Array(units.buffer);
}

test("a .gz is read up to its bound, and refused beyond it before more is inflated", async () => {
  const text = '{"a":"b"}\n'.repeat(100_000);
  const packed = new Uint8Array(gzipSync(encoder.encode(text)));
  const bounded = (inflatedBytes: number) =>
    readAll(readJsonl(fileOf(packed, { isGzip: true, inflatedBytes })));
  expect((await bounded(text.length)).rows).toHaveLength(100_000);
  await expect(bounded(text.length - 1)).rejects.toMatchObject({
    code: "bad-row",
    message: expect.stringContaining("when inflated") as string,
  });
  const pieces: number[] = [];
  const reading = readJsonl(fileOf(packed, { isGzip: true, inflatedBytes: 100_000 }));
  await expect(
    (async () => {
      for await (const { rows } of reading) {
        pieces.push(rows.length);
      }
    })(),
  ).rejects.toMatchObject({ where: "data" });
  expect(pieces.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(10_000);
});

describe.each(Object.entries(readers))("the reader of %s", (_, { read, text }) => {
  const bytes = encoder.encode(text);

  test("gives the same rows for slices of any size", async () => {
    const whole = await readAll(read(fileOf(bytes)));
    expect(whole).toMatchSnapshot();
    for (let sliceBytes = 1; sliceBytes <= bytes.length; sliceBytes++) {
      expect(await readAll(read(fileOf(bytes, { sliceBytes })))).toEqual(whole);
    }
  });

  test("gives the same rows from gzip and from UTF-16", async () => {
    const whole = await readAll(read(fileOf(bytes)));
    const packed = new Uint8Array(gzipSync(bytes));
    for (const sliceBytes of [1, 7, 1000]) {
      const gzip = fileOf(packed, { isGzip: true, sliceBytes });
      expect(await readAll(read(gzip))).toEqual(whole);
      const plain = text.startsWith("\uFEFF") ? text.slice(1) : text;
      const wide = fileOf(utf16(plain), { encoding: "utf-16le", sliceBytes });
      expect(await readAll(read(wide))).toEqual(whole);
    }
  });

  test("reads Windows-1252 that begins as ASCII, and says so", async () => {
    const [e, other] = [0xe9, "é"];
    const latin = Uint8Array.from(text.replace(/[\u0080-\uffff]/g, ""), (c) => c.charCodeAt(0));
    const at = latin.lastIndexOf("a".charCodeAt(0));
    latin[at] = e;
    for (const sliceBytes of [1, 3, 1000]) {
      const { rows, faults, notes } = await readAll(read(fileOf(latin, { sliceBytes })));
      expect(JSON.stringify([rows, faults])).toContain(other);
      expect(notes).toContain("Its bytes are not UTF-8: it is read as Windows-1252.");
    }
  });

  test("reports the bytes read, up to the size of the file", async () => {
    const seen: number[] = [];
    for await (const { readBytes } of read(fileOf(bytes, { sliceBytes: 10 }))) {
      seen.push(readBytes);
    }
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen.length).toBeGreaterThan(bytes.length / 10);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  test("ends within one batch after the signal", async () => {
    const control = new AbortController();
    const reading = read(fileOf(bytes, { sliceBytes: 1 }), control.signal);
    await reading.next();
    control.abort();
    await expect(reading.next()).rejects.toMatchObject({ name: "AbortError" });
  });
});
