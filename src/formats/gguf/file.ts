// Reads GGUF: the header in growing ranges, rows of a tensor on demand, never the whole file.
// Sources: ggml-org/ggml docs/gguf.md; the checks are those of ggml-org/llama.cpp
// ggml/src/gguf.cpp, and stricter on text.
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { foreignKind } from "../foreign-kind.ts";
import type { Cursor } from "./cursor.ts";
import { badHeader, quoted } from "./fault.ts";
import { HeaderWindow } from "./header-window.ts";
import { readEntry } from "./metadata.ts";
import { alignUp, placeTensors, readTensorEntry, type GgufTensor } from "./tensor-info.ts";
import { maxKeys, type GgufValue } from "./value-types.ts";

/** Reads rows of a file's tensors. */
export interface RowSource {
  /** Name of the file, for errors. */
  readonly name: string;
  /**
   * Bytes of rows `first` to `end` (exclusive), in a separate buffer.
   * @throws UserError "unreadable-file" and the errors of the source; the signal's AbortError
   */
  readonly readRows: (
    tensor: GgufTensor,
    first: number,
    end: number,
    signal?: AbortSignal,
  ) => Promise<Uint8Array<ArrayBuffer>>;
}

/** An open file; it keeps its source and metadata in memory, and no tensor. */
export interface GgufFile extends RowSource {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const magic = "GGUF";
/** Magic, version and two counts. */
const openingBytes = 24;
/** Long enough to identify other kinds of files. */
const foreignBytes = 512;
const defaultAlignment = 32;
/** As safetensors-layout.ts: the largest published models have about 92,000. */
const maxTensors = 100_000;

/**
 * Reads and checks the header of a file of version 2 or 3, little-endian.
 * @throws UserError "not-gguf" when the file is something else, "bad-header" when a rule of the
 *   format is broken, "unreadable-file" and the errors of the source; the signal's AbortError
 */
export async function openGgufFile(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  const { name: fileName, sizeBytes } = source;
  await refuseOthers(source, signal);
  const header = new HeaderWindow(source, signal);
  const { tensorCount, keyCount } = await header.next(readOpening);
  const { metadata, alignment } = await readMetadata(header, keyCount, fileName);
  const entries = [];
  for (let index = 0; index < tensorCount; index++) {
    entries.push(await header.next((cursor) => readTensorEntry(cursor, index, fileName)));
  }
  const dataStart = alignUp(header.position, alignment);
  return {
    name: fileName,
    metadata,
    tensors: placeTensors(entries, dataStart, alignment, sizeBytes, fileName),
    readRows: async ({ name, begin, rowBytes, sizeBytes }, first, end, signal) => {
      const isInside = 0 <= first && first <= end && end * rowBytes <= sizeBytes;
      invariant(isInside, `${name}: rows ${first} to ${end}`);
      return await source.read(begin + first * rowBytes, begin + end * rowBytes, signal);
    },
  };
}

async function refuseOthers(source: ByteSource, signal?: AbortSignal): Promise<void> {
  const { name: where, sizeBytes } = source;
  const opening = await source.read(0, Math.min(sizeBytes, foreignBytes), signal);
  const found = new TextDecoder("windows-1252").decode(opening.subarray(0, magic.length));
  if (found === magic && opening.length >= openingBytes) {
    return;
  }
  const what =
    found === magic
      ? `This is only the beginning of a GGUF file, ${sizeBytes} bytes`
      : `This is ${foreignKind(opening)?.what ?? "not a GGUF file"}`;
  throw new UserError("not-gguf", `${what}.`, {
    where,
    remedy: "Choose a .gguf file, or download this one again.",
  });
}

function readOpening(cursor: Cursor): { tensorCount: number; keyCount: number } {
  cursor.bytes(magic.length);
  const version = cursor.u32();
  if ((version & 0xffff) === 0) {
    throw unreadableVersion("It is big-endian, which is not supported.", cursor.where);
  }
  if (version !== 2 && version !== 3) {
    throw unreadableVersion(
      `It is GGUF version ${version}; versions 2 and 3 are supported.`,
      cursor.where,
    );
  }
  return {
    tensorCount: cursor.count("tensors", maxTensors),
    keyCount: cursor.count("metadata keys", maxKeys),
  };
}

async function readMetadata(header: HeaderWindow, keyCount: number, fileName: string) {
  const metadata = new Map<string, GgufValue>();
  let alignment = defaultAlignment;
  for (let index = 0; index < keyCount; index++) {
    const { key, type, value } = await header.next((cursor) => readEntry(cursor, index, fileName));
    const where = `${fileName}, key ${quoted(key)}`;
    if (metadata.has(key)) {
      throw badHeader("This key appears twice.", where);
    }
    metadata.set(key, value);
    if (key === "general.alignment") {
      if (type !== "u32" || typeof value !== "number") {
        throw badHeader(`It is of type ${type}; it must be u32.`, where);
      }
      alignment = value;
    }
  }
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    throw badHeader(
      `It is ${alignment}; it must be a power of two.`,
      `${fileName}, key "general.alignment"`,
    );
  }
  return { metadata, alignment };
}

function unreadableVersion(message: string, where: string): UserError {
  return new UserError("bad-header", message, {
    where,
    remedy: "Convert the model again with a current llama.cpp, or choose a newer file.",
  });
}
