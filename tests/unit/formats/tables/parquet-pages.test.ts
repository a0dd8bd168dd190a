// The check of Parquet's page headers, which comes before hyparquet's own reading.
import { readFileSync } from "node:fs";
import { parquetMetadataAsync, readOffsetIndex, type RowGroup } from "hyparquet";
import { describe, expect, test } from "vitest";
import { checkPages } from "../../../../src/formats/tables/parquet/check-pages.ts";
import { ThriftReader } from "../../../../src/formats/tables/parquet/thrift.ts";

const golden = (name: string) =>
  readFileSync(new URL(`../../../golden/tables/files/${name}`, import.meta.url));

function fileOf(bytes: Uint8Array) {
  const copy = Uint8Array.from(bytes).buffer;
  return {
    byteLength: copy.byteLength,
    slice: (begin: number, end?: number) => copy.slice(begin, end),
  };
}

/** A column of one chunk, from byte 0 on. */
function groupOf(sizeBytes: number): RowGroup {
  const data = { data_page_offset: 0n, total_compressed_size: BigInt(sizeBytes) };
  return { columns: [{ meta_data: data }], num_rows: 1n } as unknown as RowGroup;
}

const check = (bytes: readonly number[]) =>
  checkPages(fileOf(Uint8Array.from(bytes)), groupOf(bytes.length), readOffsetIndex);

/** A data page of one value: type 0, three bytes whole and compressed, its own header. */
const page = [0x15, 0, 0x15, 6, 0x15, 6, 0x2c, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];

describe("pages of Parquet", () => {
  test("a struct has its numbers, and structs in it; text, lists and fractions are passed over", () => {
    const bytes = [0x15, 5, 0x18, 2, 65, 66, 0x19, 0x25, 2, 4, 0x1c, 0x16, 0x80, 1, 0, 0x57]
      .concat(Array.from({ length: 8 }, () => 9))
      .concat([0x12, 0]);
    const reader = new ThriftReader(new DataView(Uint8Array.from(bytes).buffer));
    expect(reader.struct()).toEqual(
      new Map<number, unknown>([
        [1, -3],
        [2, null],
        [3, null],
        [4, new Map([[1, 64]])],
        [9, null],
        [10, 0],
      ]),
    );
    expect(reader.at).toBe(bytes.length);
  });

  test("pages one behind the other fill their column", async () => {
    await check([...page, 1, 2, 3, ...page, 4, 5, 6]);
    await expect(check([...page, 1, 2])).rejects.toThrow("longer than its column");
    await expect(check([...page, 1, 2, 3, ...page.slice(0, 9)])).rejects.toThrow(RangeError);
  });

  test("a size below zero and a header that nests too deep are refused", async () => {
    const negative = page.with(5, 5);
    await expect(check([...negative, 1, 2, 3])).rejects.toThrow("a page header lacks a size");
    const deep = [...page.slice(0, 6), ...Array.from({ length: 40 }, () => 0x1c)];
    await expect(check([...deep, 0, 0])).rejects.toThrow("nests too deep");
  });

  test.each(["messages-none", "text-zstd", "sequence", "alpaca-pandas", "conversations-datasets"])(
    "every page of %s, as pyarrow writes it, passes",
    async (name) => {
      const file = fileOf(golden(`${name}.parquet`));
      const { row_groups: groups } = await parquetMetadataAsync(file);
      for (const group of groups) {
        await checkPages(file, group, readOffsetIndex);
      }
    },
  );

  test("an index that names other pages is not used", async () => {
    const file = fileOf(golden("messages-none.parquet"));
    const [group] = (await parquetMetadataAsync(file)).row_groups;
    const [column] = group!.columns;
    const empty = golden("messages-none.parquet").indexOf(0); // a struct without fields
    Object.assign(column!, { offset_index_offset: BigInt(empty), offset_index_length: 1 });
    const pages = () => ({
      page_locations: [{ offset: 4n, compressed_page_size: 5, first_row_index: 0n }],
    });
    await checkPages(file, group!, pages);
    expect(column!.offset_index_offset).toBeUndefined();
  });
});
