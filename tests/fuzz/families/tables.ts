// Data files of every kind: each is refused with a UserError, or its bad rows are listed.
import { readFileSync } from "node:fs";
import { openTable } from "../../../src/data/files/open-table.ts";
import { readParquet } from "../../../src/formats/tables/parquet/parquet.ts";
import { Workbook } from "../../../src/formats/tables/xlsx/xlsx.ts";
import type { RowBatch, TextRows } from "../../../src/formats/table.ts";
import { zipFiles } from "../../../src/formats/zip.ts";
import { MemoryBlob } from "../memory-blob.ts";
import { bytesOf, pack, unpack, type Bytes, type Family } from "../family.ts";
import { mutateBytes, mutateParts } from "../mutate.ts";

const golden = (name: string): Bytes =>
  new Uint8Array(readFileSync(new URL(`../../golden/tables/files/${name}`, import.meta.url)));

const signs = ["\n", "\r\n", "\r", "\u2028", "\ufeff", "\u0000", "\ud83d\ude00", '"', "\\"];

/** Reads all batches; the numbers of rows and faults are the outcome. */
async function count(batches: AsyncIterable<RowBatch>): Promise<string> {
  let good = 0;
  const faults = new Set<string>();
  for await (const batch of batches) {
    good += batch.rows.length;
    batch.faults.forEach(({ what }) => faults.add(what.replace(/\d+|"[^"]*"|\S$/g, "0")));
  }
  return `${Math.min(good, 3)} ${[...faults].toSorted().slice(0, 3).join()}`;
}

async function open(name: string, input: Bytes, textRows?: TextRows): Promise<string> {
  const choices = textRows === undefined ? {} : { textRows };
  const table = await openTable({ name, blob: new MemoryBlob(input) }, choices);
  return `${table.description} ${await count(table.read())}`;
}

const workbook = (name: string) =>
  bytesOf(readFileSync(new URL(`../../golden/tables/workbook/${name}`, import.meta.url), "utf8"));
const partNames = ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"];

async function openWorkbook(blob: Blob): Promise<string> {
  const book = await Workbook.open("data.xlsx", blob);
  return count(book.read(book.sheets[0]!));
}

/** A workbook around three parts, uncompressed and with right checksums. */
function workbookOf(input: Bytes): Promise<Blob> {
  const parts = unpack(input, partNames.length);
  return zipFiles([
    { name: "[Content_Types].xml", bytes: workbook("types.xml") },
    { name: "_rels/.rels", bytes: workbook("rels.xml") },
    { name: "xl/_rels/workbook.xml.rels", bytes: workbook("workbook-rels.xml") },
    ...parts.map((bytes, i) => ({ name: partNames[i]!, bytes })),
  ]);
}

export const tableFamilies: readonly Family[] = [
  {
    name: "table-jsonl",
    words: [...signs, '{"a":1}', "\\ud800", "{", "}", "[", "NaN", '"__proto__":', "}\n{", ","],
    seeds: () => [
      bytesOf('{"prompt": "What?", "completion": " It \\"is\\" \\u00e4."}\n{"n": NaN}\n'),
      bytesOf('{\n "a": [\n  {"b": "ä"}\n ]\n}\n{\n "a": {}\n}\n'),
      golden("messages-pretty.jsonl"),
    ],
    run: (input) => open("data.jsonl", input),
  },
  {
    name: "table-json",
    words: [...signs, '{"a":1}', "{", "}", "[", "]", "NaN", '"data":[{', '"messages":', ","],
    seeds: () => [
      golden("completion-wrapped.json"),
      golden("messages-list.json"),
      golden("alpaca-columns.json"),
      golden("text-pandas-split.json"),
      golden("conversations-pandas-index.json"),
    ],
    run: (input) => open("data.json", input),
  },
  {
    name: "table-csv",
    words: [...signs, '""', ",", ";", "\t", "|", ',"', '",', "__proto__", "sep=;\n", "[{"],
    seeds: () => [
      bytesOf('prompt,completion\n"What, then?"," It ""is""."\nb,\n\nc,d\n'),
      bytesOf('sep=;\r\na;b;c\r\n1;"two\nlines";3\r\n;;\r\n'),
      golden("messages-index.csv"),
      golden("alpaca.tsv"),
      golden("text-excel.csv"),
    ],
    run: (input) => open("data.csv", input),
  },
  {
    name: "table-text",
    words: [...signs, "\n\n", "# ", ",", "{", "[", "a,b\n1,2\n3,4\n"],
    seeds: () => [golden("text.txt"), golden("text.txt.gz"), bytesOf("a\tb\n1\t2\n3\t4\n")],
    run: async (input) =>
      `${await open("data.txt", input)} ${await open("data.txt", input, "whole")}`,
    // It is opened twice, each time with 2 MiB for what a .gz begins with.
    extraBytes: 4 * 2 ** 20,
  },
  {
    name: "table-parquet",
    words: ["PAR1"],
    seeds: () =>
      ["gzip", "zstd", "brotli", "lz4", "none"]
        .map((codec) => golden(`text-${codec}.parquet`))
        .concat(golden("sequence.parquet"), golden("messages-none.parquet")),
    run: (input) => count(readParquet({ name: "data.parquet", blob: new MemoryBlob(input) })),
    // A Brotli stream names its window, up to 16 MiB (RFC 7932, section 9.1).
    extraBytes: 24 * 2 ** 20,
  },
  {
    name: "table-xlsx",
    words: ["PK\u0001\u0002", "PK\u0003\u0004", "PK\u0005\u0006"],
    seeds: () => [golden("text.xlsx"), golden("messages.xlsx")],
    run: (input) => openWorkbook(new MemoryBlob(input)),
  },
  {
    name: "table-sheet",
    words: ["<", ">", "&#xD83D;", "&lt;", "]]>", "<c ", ' r="ZZZ9"', ' t="s"', "<v>", "<is><t>"],
    seeds: () => [pack(["sheet.xml", "styles.xml", "workbook.xml"].map((name) => workbook(name)))],
    mutate: mutateParts(mutateBytes, mutateBytes, mutateBytes),
    run: async (input) => openWorkbook(await workbookOf(input)),
    // Six parts are zipped, found again, and read three times: names, sample, rows.
    extraBytes: 8 * 2 ** 20,
  },
];
