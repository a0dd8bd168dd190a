// Checks the page headers of a row group before hyparquet reads it: version 1.33.0 trusts them, and
// does not come to an end with some damaged ones.
// Source: github.com/apache/parquet-format, src/main/thrift/parquet.thrift, PageHeader.
import type { AsyncBuffer, OffsetIndex, RowGroup } from "hyparquet";
import { checkThrift, ThriftReader, type ThriftStruct } from "./thrift.ts";

/** Most headers have less than 100 bytes, one with long statistics has more. */
const windowBytes = 64 * 2 ** 10;

/** Numbers that a header of each type has, by the field of its own header. */
const pageTypes: ReadonlyMap<number, { field: number; numbers: readonly number[] }> = new Map([
  [0, { field: 5, numbers: [1, 2, 3, 4] }], // values, three encodings
  [2, { field: 7, numbers: [1, 2] }], // a dictionary: values, encoding
  [3, { field: 8, numbers: [1, 2, 3, 4, 5, 6] }], // values, nulls, rows, encoding, two lengths
]);

/** Where a page begins, its header included, and its bytes. */
interface Page {
  begin: number;
  sizeBytes: number;
}

/**
 * Also takes indexes of pages from the group that do not name its pages.
 * @throws RangeError for a header that cannot be; what reading the file throws
 */
export async function checkPages(
  file: AsyncBuffer,
  group: RowGroup,
  readOffsetIndex: (reader: { view: DataView; offset: number }) => OffsetIndex,
): Promise<void> {
  for (const column of group.columns) {
    const { meta_data: data } = column;
    if (data === undefined) {
      throw new RangeError("a column of a row group has no description");
    }
    const begin = Number(data.dictionary_page_offset || data.data_page_offset); // as hyparquet
    const pages = await pagesOf(file, begin, begin + Number(data.total_compressed_size));
    const { offset_index_offset: at, offset_index_length: length } = column;
    if (at !== undefined && length !== undefined && length > 0) {
      const bytes = await file.slice(Number(at), Number(at) + length);
      checkThrift(bytes);
      const index = readOffsetIndex({ view: new DataView(bytes), offset: 0 }).page_locations;
      const isRight = index.every(
        ({ offset, compressed_page_size: sizeBytes, first_row_index: row }, i) =>
          pages.some((page) => page.begin === Number(offset) && page.sizeBytes === sizeBytes) &&
          (i === 0 ? Number(row) === 0 : row > (index[i - 1]?.first_row_index ?? 0n)),
      );
      if (!isRight || index.length === 0) {
        delete column.offset_index_offset;
      }
    }
  }
}

async function pagesOf(file: AsyncBuffer, begin: number, end: number): Promise<Page[]> {
  const pages: Page[] = [];
  for (let at = begin; at < end - 1;) {
    const { header, headerBytes } = await headerAt(file, at, end);
    const sizeBytes = headerBytes + contentBytes(header);
    if (at + sizeBytes > end) {
      throw new RangeError(`the page at byte ${at} is longer than its column`);
    }
    pages.push({ begin: at, sizeBytes });
    at += sizeBytes;
  }
  return pages;
}

/** Reads more where a header does not end. */
async function headerAt(
  file: AsyncBuffer,
  at: number,
  end: number,
): Promise<{ header: ThriftStruct; headerBytes: number }> {
  for (let bytes = windowBytes; ; bytes *= 4) {
    const stop = Math.min(end, at + bytes);
    const reader = new ThriftReader(new DataView(await file.slice(at, stop)));
    try {
      return { header: reader.struct(), headerBytes: reader.at };
    } catch (error) {
      if (!(error instanceof RangeError) || stop === end) {
        throw error;
      }
    }
  }
}

/** @throws RangeError for a header that lacks a number, or has one below zero */
function contentBytes(header: ThriftStruct): number {
  const [type, wholeBytes, sizeBytes] = [1, 2, 3].map((field) => header.get(field));
  const own = pageTypes.get(typeof type === "number" ? type : -1);
  const detail = own === undefined ? null : header.get(own.field);
  const numbers = own?.numbers.map((field) =>
    detail instanceof Map ? (detail.get(field) as unknown) : undefined,
  );
  const all = [wholeBytes, sizeBytes, ...(numbers ?? [])];
  if (!all.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)) {
    throw new RangeError("a page header lacks a size");
  }
  return sizeBytes as number;
}
