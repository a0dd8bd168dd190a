// Reads Parquet through hyparquet, a part of a row group at a time.
import type { AsyncBuffer, Compressors, FileMetaData, RowGroup, SchemaTree } from "hyparquet";
import { UserError } from "../../../util/errors.ts";
import { blobSource } from "../../byte-source.ts";
import { maxRowLength } from "../../rows.ts";
import { maxRows, type RowBatch } from "../../table.ts";
import { BatchBuilder } from "../batch-builder.ts";
import { checkPages } from "./check-pages.ts";
import { checkThrift } from "./thrift.ts";
import { tooLong } from "../json-row.ts";
import { plainValue, textLength } from "../plain-value.ts";

/**
 * Bytes decoded at once. datasets writes row groups of 100 MB, which become some 300 MB of
 * JavaScript's values; a larger group is read in parts.
 */
const partBytes = 64 * 2 ** 20;
const rowsOfBatch = 1000;
/** The largest real footers, of thousands of row groups, have a few megabytes. */
const maxFooterBytes = 64 * 2 ** 20;

/** Codecs that hyparquet reads without further code. */
const plainCodecs = new Set(["UNCOMPRESSED", "SNAPPY"]);
/** pandas writes its index under this name when it is not just a count. */
const pandasIndex = /^__index_level_\d+__$/;

/**
 * Rows with the values of JSON (plain-value.ts), numbered from 1.
 * @throws UserError "bad-row" for a file that is damaged, encrypted or of an unknown codec, and
 *   past the limit of rows; "unreadable-file"; the signal's AbortError
 */
export async function* readParquet(
  { name, blob }: { name: string; blob: Blob },
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const file = rangesOf(blob, name, signal);
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema, readOffsetIndex } =
    await import("hyparquet");
  const { metadata, rowCount } = await guarded(name, signal, async () => {
    await checkFooter(file);
    // Marks of GeoParquet are not needed; hyparquet 1.33.0 does not end them on damaged schemas.
    const read = await parquetMetadataAsync(file, { geoparquet: false });
    checkColumns(read, leavesOf(parquetSchema(read)));
    return { metadata: read, rowCount: countRows(read) };
  });
  const options = {
    file,
    metadata,
    useOffsetIndex: true,
    ...(await compressorsFor(metadata)),
  };
  const batch = new BatchBuilder(name);
  let done = 0;
  let checked: RowGroup | null = null;
  for (const { group, rowStart, rowEnd } of partsOf(metadata)) {
    const isNew = group !== checked;
    checked = group;
    const rows = await guarded(name, signal, async () => {
      if (isNew) {
        await checkPages(file, group, readOffsetIndex);
      }
      return await parquetReadObjects({ ...options, rowStart, rowEnd });
    });
    for (let begin = 0; begin < rows.length; begin += rowsOfBatch) {
      signal?.throwIfAborted();
      for (const row of rows.slice(begin, begin + rowsOfBatch)) {
        takeRow(row, ++done, batch);
      }
      yield batch.take(Math.floor((blob.size * done) / Math.max(done, rowCount)));
    }
  }
  yield batch.take(blob.size);
}

function takeRow(cells: Record<string, unknown>, number: number, batch: BatchBuilder): void {
  const columns = Object.entries(cells).filter(([column]) => !pandasIndex.test(column));
  if (columns.length < Object.keys(cells).length) {
    batch.addNote("The index that pandas wrote is left out.");
  }
  const row = Object.fromEntries(columns.map(([column, value]) => [column, plainValue(value)]));
  const length = textLength(row);
  if (length > maxRowLength) {
    batch.addFault(tooLong(length), "", number);
  } else {
    batch.add(row, number);
  }
}

/** The file as hyparquet reads it; an abort ends the next reading of a range. */
function rangesOf(blob: Blob, name: string, signal?: AbortSignal): AsyncBuffer {
  const source = blobSource(blob, name);
  const read = async (begin: number, end: number): Promise<ArrayBuffer> => {
    const isThere = begin >= 0 && begin <= end && end <= blob.size;
    if (!isThere) {
      throw new RangeError(`bytes ${begin} to ${end} are not in the file`);
    }
    return (await source.read(begin, end, signal)).buffer;
  };
  return {
    byteLength: blob.size,
    slice: (begin, end = blob.size) => {
      const reading = read(begin, end);
      // hyparquet asks for all ranges first: when one fails it does not wait for the others.
      reading.catch(() => undefined);
      return reading;
    },
  };
}

/**
 * Checks the length of the footer before it is read (format, "File Format"), and its lists before
 * hyparquet makes room for them.
 */
async function checkFooter(file: AsyncBuffer): Promise<void> {
  const { byteLength } = file;
  const end = new DataView(await file.slice(Math.max(0, byteLength - 8)));
  if (end.byteLength < 8) {
    return; // too short for hyparquet, too
  }
  const footerBytes = end.getUint32(0, true);
  if (footerBytes > maxFooterBytes || footerBytes > byteLength - 8) {
    throw new RangeError(`its footer has ${footerBytes} bytes`);
  }
  checkThrift(await file.slice(byteLength - 8 - footerBytes, byteLength - 8));
}

/**
 * hyparquet starts reading all columns at once, and nobody would catch the error of one that is
 * not in the schema.
 */
function checkColumns({ row_groups: groups }: FileMetaData, leaves: ReadonlySet<string>): void {
  for (const { columns } of groups) {
    const paths = columns.map(({ meta_data: data }) => pathText(data?.path_in_schema ?? []));
    const isWhole = new Set(paths).size === leaves.size && paths.every((path) => leaves.has(path));
    if (!isWhole || paths.length !== leaves.size) {
      throw new RangeError("the columns of a row group are not those of the schema");
    }
  }
}

function leavesOf({ children, path }: SchemaTree): Set<string> {
  return children.length === 0
    ? new Set([pathText(path)])
    : new Set(children.flatMap((child) => [...leavesOf(child)]));
}

function pathText(path: readonly string[]): string {
  return JSON.stringify(path);
}

function countRows({ num_rows: rows, row_groups: groups }: FileMetaData): number {
  const sum = groups.reduce((count, group) => count + group.num_rows, 0n);
  if (sum !== rows || groups.some((group) => group.num_rows < 0n) || rows > BigInt(maxRows)) {
    throw new RangeError(`it names ${rows} rows`);
  }
  return Number(rows);
}

/** Ranges of rows that are decoded at once. */
function* partsOf({
  row_groups: groups,
}: FileMetaData): Generator<{ group: RowGroup; rowStart: number; rowEnd: number }> {
  let begin = 0;
  for (const group of groups) {
    const { num_rows, total_byte_size: bytes } = group;
    const end = begin + Number(num_rows);
    const parts = Math.max(1, Math.ceil(Number(bytes) / partBytes));
    const step = Math.max(1, Math.ceil((end - begin) / parts));
    for (; begin < end; begin += step) {
      yield { group, rowStart: begin, rowEnd: Math.min(end, begin + step) };
    }
    begin = end;
  }
}

async function compressorsFor(metadata: FileMetaData): Promise<{ compressors?: Compressors }> {
  const needsMore = metadata.row_groups.some(({ columns }) =>
    columns.some(({ meta_data: data }) => !plainCodecs.has(data?.codec ?? "UNCOMPRESSED")),
  );
  if (!needsMore) {
    return {};
  }
  const { compressors } = await import("hyparquet-compressors");
  const { LZ4_RAW: lz4 } = compressors;
  // An empty page is one byte in LZ4, on which hyparquet-compressors 1.1.2 fails.
  const lz4OrEmpty: typeof lz4 = (input, length) =>
    length === 0 || lz4 === undefined ? new Uint8Array(0) : lz4(input, length);
  return { compressors: { ...compressors, LZ4_RAW: lz4OrEmpty } };
}

/** hyparquet throws errors of many kinds on bytes that are no Parquet: all are the file's fault. */
async function guarded<T>(
  name: string,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof UserError
      ? cause
      : damaged(cause instanceof Error ? cause.message : String(cause), name, cause);
  }
}

function damaged(what: string, where: string, cause?: unknown): UserError {
  return new UserError("bad-row", `The Parquet file cannot be read: ${what}.`, {
    where,
    remedy: "Download or write it again, or save its rows as JSON Lines.",
    cause,
  });
}
