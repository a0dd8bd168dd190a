// Reads one file of an archive of saved runs and checks every byte of it.
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import type { ZipArchive } from "../../formats/zip-read.ts";
import { sha256OfBlob } from "../../util/blob-hash.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import { decodeSource } from "../file/container.ts";
import { smallBytes } from "../database/payload-batch.ts";
import type { RunState } from "../file/run-state.ts";
import type { IndexedCheckpoint, IndexedData, IndexedFile } from "./index-file.ts";

/** An export that is being imported. */
export interface Archive {
  file: Blob;
  fileName: string;
  zip: ZipArchive;
}

/** The bytes of a file; those of a small one are in memory. */
export type Content = { source: ByteSource } & (
  { bytes: Uint8Array<ArrayBuffer> } | { blob: Blob; bytes: null }
);

interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Hears of bytes that were read and compared. */
  onBytes: (sizeBytes: number) => void;
}

/** @throws UserError "bad-checkpoint" when it is not the checkpoint that the index lists */
export async function readCheckpoint(
  indexed: IndexedCheckpoint,
  archive: Archive,
  { signal, onBytes }: ReadOptions,
): Promise<{ content: Content; run: RunState }> {
  const content = await contentOf(indexed, archive, { signal, onBytes });
  const run = await decodeSource(content.source, signal);
  if (run.runId !== indexed.runId || run.trainer.step !== indexed.step) {
    throw badCheckpoint(
      `It is step ${run.trainer.step} of run ${run.runId}, the index says step ${indexed.step} of ${indexed.runId}.`,
      indexed.file,
    );
  }
  return { content, run };
}

/** @throws UserError "bad-checkpoint" when it is not the data set that the index lists */
export async function readData(
  indexed: IndexedData,
  archive: Archive,
  { signal, onBytes }: ReadOptions,
): Promise<Content> {
  const content = await contentOf(indexed, archive, { signal, onBytes });
  const found =
    content.bytes === null
      ? await sha256OfBlob(content.blob, signal)
      : await sha256Hex(content.bytes);
  if (found !== indexed.sha256) {
    throw badCheckpoint("It is not the data set that the index lists.", indexed.file);
  }
  return content;
}

async function contentOf(
  { file: name, chunks }: IndexedFile,
  { file, zip }: Archive,
  { signal, onBytes }: ReadOptions,
): Promise<Content> {
  const member = zip.members.get(name);
  if (member === undefined) {
    throw zip.broken.get(name) ?? badCheckpoint("It is missing from the archive.", name);
  }
  const blob = file.slice(member.begin, member.begin + member.sizeBytes);
  const whole = blobSource(blob, name);
  const bytes = blob.size <= smallBytes ? await whole.read(0, blob.size, signal) : null;
  const source = bytes === null ? whole : memorySource(bytes, name);
  let begin = 0;
  for (const { sizeBytes, sha256 } of chunks) {
    const end = begin + sizeBytes;
    if (end > blob.size || (await sha256Hex(await source.read(begin, end, signal))) !== sha256) {
      throw badCheckpoint(`Bytes ${begin} to ${end} differ from what was exported.`, name);
    }
    onBytes(sizeBytes);
    begin = end;
  }
  if (begin !== blob.size) {
    throw badCheckpoint(`It has ${blob.size} bytes, not ${begin}.`, name);
  }
  return bytes === null ? { source, blob, bytes } : { source, bytes };
}

function memorySource(bytes: Uint8Array<ArrayBuffer>, name: string): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read(begin, end, signal) {
      signal?.throwIfAborted();
      return Promise.resolve(bytes.slice(begin, end));
    },
  };
}
