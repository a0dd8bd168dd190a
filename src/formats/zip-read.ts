// Locates the files of a zip archive. Supports only what zip.ts writes: stored, not compressed, not
// encrypted, in one part. Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3
// (zip64).
import { UserError } from "../util/errors.ts";
import type { ByteSource } from "./byte-source.ts";

/** A file of the archive. */
export interface ZipMember {
  readonly name: string;
  /** First byte of its content, counted from the start of the archive. */
  readonly begin: number;
  readonly sizeBytes: number;
}

const endBytes = 22;
const locatorBytes = 20;
const end64Bytes = 56;
const entryBytes = 46;
const localBytes = 30;
/** The longest comment after the end record. */
const maxCommentBytes = 0xffff;
/** A thousand runs of a hundred checkpoints; 64 MiB fit names of 600 bytes for each. */
const maxMembers = 100_000;
const maxDirectoryBytes = 64 * 2 ** 20;

const signatures = {
  local: 0x04034b50,
  entry: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
} as const;

interface Directory {
  begin: number;
  sizeBytes: number;
  members: number;
}

/**
 * The files by name, in the archive's order.
 * @throws UserError "bad-header" when it is not an archive, or of another kind; "unreadable-file";
 * the signal's AbortError
 */
export async function readZip(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, ZipMember>> {
  const directory = await findDirectory(source, signal);
  const { begin, sizeBytes } = directory;
  check(sizeBytes <= maxDirectoryBytes, source, `a directory of ${sizeBytes} bytes`);
  check(directory.members <= maxMembers, source, `${directory.members} files`);
  check(begin + sizeBytes <= source.sizeBytes, source, "a directory beyond its end");
  const bytes = await source.read(begin, begin + sizeBytes, signal);
  const members = new Map<string, ZipMember>();
  let at = 0;
  for (let i = 0; i < directory.members; i++) {
    check(at + entryBytes <= bytes.length, source, `an entry ${i + 1} that is cut`);
    const entry = parseEntry(bytes, at, source);
    check(!members.has(entry.name), source, `the file ${entry.name} twice`);
    members.set(entry.name, await locate(entry, source, signal));
    at = entry.next;
  }
  return members;
}

async function findDirectory(source: ByteSource, signal?: AbortSignal): Promise<Directory> {
  const tailBegin = Math.max(0, source.sizeBytes - endBytes - maxCommentBytes);
  const tail = viewOf(await source.read(tailBegin, source.sizeBytes, signal));
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) === signatures.end) {
      const found = {
        members: tail.getUint16(at + 10, true),
        sizeBytes: tail.getUint32(at + 12, true),
        begin: tail.getUint32(at + 16, true),
      };
      const isLarge =
        found.members === 0xffff || found.sizeBytes === 0xffffffff || found.begin === 0xffffffff;
      return isLarge ? await findDirectory64(source, tailBegin + at, signal) : found;
    }
  }
  throw fault(source, "no end record: it is not a zip archive, or it is cut off");
}

async function findDirectory64(
  source: ByteSource,
  end: number,
  signal?: AbortSignal,
): Promise<Directory> {
  check(end >= locatorBytes + end64Bytes, source, "no zip64 record");
  const locator = viewOf(await source.read(end - locatorBytes, end, signal));
  check(locator.getUint32(0, true) === signatures.locator, source, "no zip64 locator");
  const at = exact(locator.getBigUint64(8, true), source);
  check(at + end64Bytes <= end, source, "a zip64 record beyond its end");
  const record = viewOf(await source.read(at, at + end64Bytes, signal));
  check(record.getUint32(0, true) === signatures.end64, source, "no zip64 record");
  return {
    members: exact(record.getBigUint64(32, true), source),
    sizeBytes: exact(record.getBigUint64(40, true), source),
    begin: exact(record.getBigUint64(48, true), source),
  };
}

interface DirectoryEntry {
  name: string;
  sizeBytes: number;
  local: number;
  /** Offset of the next entry. */
  next: number;
}

function parseEntry(bytes: Uint8Array, at: number, source: ByteSource): DirectoryEntry {
  const view = viewOf(bytes.subarray(at));
  check(view.getUint32(0, true) === signatures.entry, source, "a broken directory");
  const nameLength = view.getUint16(28, true);
  const extraLength = view.getUint16(30, true);
  const extraBegin = entryBytes + nameLength;
  const next = extraBegin + extraLength + view.getUint16(32, true);
  check(next <= view.byteLength, source, "a directory that is cut");
  const name = new TextDecoder().decode(bytes.subarray(at + entryBytes, at + extraBegin));
  const isPlain = view.getUint16(10, true) === 0 && (view.getUint16(8, true) & 1) === 0;
  check(isPlain, source, `the file ${name} compressed or encrypted`);
  const extra = zip64Numbers(bytes.subarray(at + extraBegin, at + extraBegin + extraLength));
  // The extra field has only the numbers that did not fit: the size twice, then the offset.
  const number = (offset: number): number => {
    const value = view.getUint32(offset, true);
    return value === 0xffffffff ? exact(extra.shift() ?? -1n, source) : value;
  };
  const sizeBytes = number(24);
  check(number(20) === sizeBytes, source, `the file ${name} with two sizes`);
  return { name, sizeBytes, local: number(42), next: at + next };
}

/** The numbers of the zip64 extra field, in order; empty without such a field. */
function zip64Numbers(extra: Uint8Array): bigint[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1 && end <= extra.length) {
      const count = (end - at - 4) >> 3;
      return Array.from({ length: count }, (_, i) => view.getBigUint64(at + 4 + 8 * i, true));
    }
    at = end;
  }
  return [];
}

/**
 * The content begins after the name and extra field of the local header, which may differ from the
 * directory's.
 */
async function locate(
  { name, sizeBytes, local }: DirectoryEntry,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<ZipMember> {
  check(local + localBytes <= source.sizeBytes, source, `the file ${name} beyond its end`);
  const header = viewOf(await source.read(local, local + localBytes, signal));
  check(header.getUint32(0, true) === signatures.local, source, `no header of the file ${name}`);
  const begin = local + localBytes + header.getUint16(26, true) + header.getUint16(28, true);
  check(begin + sizeBytes <= source.sizeBytes, source, `the file ${name} beyond its end`);
  return { name, begin, sizeBytes };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function exact(value: bigint, source: ByteSource): number {
  check(value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER), source, `the size ${value}`);
  return Number(value);
}

function check(condition: boolean, source: ByteSource, found: string): asserts condition {
  if (!condition) {
    throw fault(source, found);
  }
}

function fault({ name }: ByteSource, found: string): UserError {
  return new UserError("bad-header", `This archive cannot be read: it has ${found}.`, {
    where: name,
    remedy: "Choose the file exactly as Anneal exported it, not a repacked copy.",
  });
}
