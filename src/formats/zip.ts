// Writes zip archives without compression: weights do not compress, and the texts next to them are
// small.
import { downloadZip, makeZip, predictLength } from "client-zip";
import { invariant } from "../util/assert.ts";

/** A file of an archive; its name contains its folders, separated by "/". */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The first day of the zip format, in local time as the format requires: the same files produce the
 * same bytes everywhere.
 */
const modified = new Date(1980, 0, 1);

/**
 * An archive of the files, in their order.
 * @throws Error when a name is empty or repeats
 */
export function zipFiles(files: readonly ZipEntry[]): Promise<Blob> {
  const names = new Set(files.map(({ name }) => name));
  invariant(names.size === files.length, "two files of an archive have the same name");
  return downloadZip(
    files.map(({ name, bytes }) => ({ name, input: bytes, lastModified: modified })),
  ).blob();
}

/** A file of a streamed archive. */
export interface ZipPart {
  readonly name: string;
  readonly sizeBytes: number;
  /** Opens its content; called once. */
  readonly open: () => AsyncIterable<Uint8Array | ArrayBuffer>;
}

/**
 * An archive as a stream: one chunk of one file in memory at a time.
 * @returns the stream, which fails with the error of a part, and its exact length
 */
export function zipStream(parts: readonly ZipPart[]): {
  stream: ReadableStream<Uint8Array>;
  sizeBytes: number;
} {
  const sizes = parts.map(({ name, sizeBytes }) => ({ name, size: sizeBytes }));
  invariant(new Set(sizes.map(({ name }) => name)).size === parts.length, "a name repeats");
  const stream = makeZip(opened(parts));
  const sizeBytes = Number(predictLength(sizes));
  // client-zip writes these records for large files and offsets only, not for many files.
  const lacksRecords =
    parts.length >= 0xffff &&
    sizeBytes < 0xffffffff &&
    parts.every((part) => part.sizeBytes < 0xffffffff);
  return lacksRecords
    ? {
        stream: stream.pipeThrough(withEnd64(parts.length, sizeBytes)),
        sizeBytes: sizeBytes + end64Bytes,
      }
    : { stream, sizeBytes };
}

const endBytes = 22;
/** The zip64 end record and its locator. */
const end64Bytes = 56 + 20;

/**
 * Puts the zip64 records before the end record, which is the last chunk: its count of files has 16
 * bits. Source: PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16.
 */
function withEnd64(members: number, sizeBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let doneBytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      doneBytes += chunk.length;
      if (doneBytes === sizeBytes) {
        invariant(chunk.length === endBytes, "the last chunk of an archive is its end record");
        controller.enqueue(end64(members, chunk, sizeBytes - endBytes));
      }
      controller.enqueue(chunk);
    },
  });
}

/** @param begin of the zip64 record */
function end64(members: number, end: Uint8Array, begin: number): Uint8Array {
  const plain = new DataView(end.buffer, end.byteOffset, end.byteLength);
  const view = new DataView(new ArrayBuffer(end64Bytes));
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, 44n, true);
  view.setUint16(12, 45, true);
  view.setUint16(14, 45, true);
  view.setBigUint64(24, BigInt(members), true);
  view.setBigUint64(32, BigInt(members), true);
  view.setBigUint64(40, BigInt(plain.getUint32(12, true)), true);
  view.setBigUint64(48, BigInt(plain.getUint32(16, true)), true);
  view.setUint32(56, 0x07064b50, true);
  view.setBigUint64(64, BigInt(begin), true);
  view.setUint32(72, 1, true);
  return new Uint8Array(view.buffer);
}

/** Opens each part when the archive reaches it. */
function* opened(parts: readonly ZipPart[]) {
  for (const { name, sizeBytes, open } of parts) {
    yield { name, size: sizeBytes, input: open(), lastModified: modified };
  }
}

/** An archive as one file of an export. */
export function zipPart(name: string, parts: readonly ZipPart[]): ZipPart {
  const { stream, sizeBytes } = zipStream(parts);
  return { name, sizeBytes, open: () => chunksOf(stream) };
}

/** Not every browser iterates over a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // it may have failed, which was thrown
  }
}
