// Locates the files of a zip archive. Supports only what zip.ts writes: stored, not compressed, not
// encrypted, in one part. Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3
// (zip64).
import { UserError } from "../util/errors.ts";
import { shownPath } from "../util/shown-text.ts";
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

/** What an archive holds. */
export interface ZipArchive {
  /** By name, in the archive's order. */
  readonly members: ReadonlyMap<string, ZipMember>;
  /** Why a file cannot be read, by its name; the others can. */
  readonly broken: ReadonlyMap<string, UserError>;
}

interface Directory {
  begin: number;
  sizeBytes: number;
  /** Null where the end record cannot count them. */
  members: number | null;
}

/**
 * Reads the directory and the header of each file.
 * @throws UserError "bad-header" when it is not an archive, or of another kind; "unreadable-file";
 * the signal's AbortError
 */
export async function readZip(source: ByteSource, signal?: AbortSignal): Promise<ZipArchive> {
  const directory = await findDirectory(source, signal);
  const { begin, sizeBytes } = directory;
  check(sizeBytes <= maxDirectoryBytes, source, `a directory of ${sizeBytes} bytes`);
  check((directory.members ?? 0) <= maxMembers, source, `${directory.members} files`);
  check(begin + sizeBytes <= source.sizeBytes, source, "a directory beyond its end");
  const bytes = await source.read(begin, begin + sizeBytes, signal);
  const broken = new Map<string, UserError>();
  const entries = parseEntries(bytes, directory, source);
  const plain = entries.filter((entry) => {
    const found = faultOf(entry, source);
    if (found !== null) {
      broken.set(entry.name, fault(source, found));
    }
    return found === null;
  });
  const members = await locateAll(plain, broken, source, signal);
  refuseOverlaps(members.values(), source);
  return { members, broken };
}

function parseEntries(
  bytes: Uint8Array,
  { members }: Directory,
  source: ByteSource,
): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  const names = new Set<string>();
  for (let at = 0; members === null ? at < bytes.length : entries.length < members;) {
    check(at + entryBytes <= bytes.length, source, `an entry ${entries.length + 1} that is cut`);
    check(entries.length < maxMembers, source, `more than ${maxMembers} files`);
    const entry = parseEntry(bytes, at, source);
    check(!names.has(entry.name), source, `the file ${shownPath(entry.name)} twice`);
    names.add(entry.name);
    entries.push(entry);
    at = entry.next;
  }
  return entries;
}

/** Many files that share their bytes would unpack to far more than the archive. */
function refuseOverlaps(members: Iterable<ZipMember>, source: ByteSource): void {
  let last: ZipMember | null = null;
  for (const member of [...members].sort((a, b) => a.begin - b.begin)) {
    if (last !== null) {
      const isApart = member.begin >= last.begin + last.sizeBytes;
      check(
        isApart,
        source,
        `the file ${shownPath(member.name)} within the file ${shownPath(last.name)}`,
      );
    }
    last = member;
  }
}

function faultOf(entry: DirectoryEntry, source: ByteSource): string | null {
  const name = shownPath(entry.name);
  if (!entry.isPlain) {
    return `the file ${name} compressed or encrypted`;
  }
  if (entry.hasTwoSizes) {
    return `the file ${name} with two sizes`;
  }
  return entry.isOutside || entry.local + localBytes + entry.sizeBytes > source.sizeBytes
    ? `the file ${name} beyond its end`
    : null;
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
      const isLarge = found.sizeBytes === 0xffffffff || found.begin === 0xffffffff;
      const large =
        isLarge || found.members === 0xffff
          ? await findDirectory64(source, tailBegin + at, signal)
          : found;
      // Earlier versions wrote no zip64 record for many files: the directory's size says how many.
      check(large !== null || !isLarge, source, "no zip64 record");
      return large ?? { ...found, members: null };
    }
  }
  throw fault(source, "no end record: it is not a zip archive, or it is cut off");
}

/** Null where there is none. */
async function findDirectory64(
  source: ByteSource,
  end: number,
  signal?: AbortSignal,
): Promise<Directory | null> {
  if (end < locatorBytes + end64Bytes) {
    return null;
  }
  const locator = viewOf(await source.read(end - locatorBytes, end, signal));
  if (locator.getUint32(0, true) !== signatures.locator) {
    return null;
  }
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
  /** In bytes. */
  nameLength: number;
  sizeBytes: number;
  local: number;
  /** Neither compressed nor encrypted. */
  isPlain: boolean;
  hasTwoSizes: boolean;
  /** A size or an offset is no number that a file can have. */
  isOutside: boolean;
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
  const extra = zip64Numbers(bytes.subarray(at + extraBegin, at + extraBegin + extraLength));
  // The extra field has only the numbers that did not fit: the size twice, then the offset.
  const number = (offset: number): number => {
    const value = view.getUint32(offset, true);
    return value === 0xffffffff ? Number(extra.shift() ?? -1n) : value;
  };
  const sizeBytes = number(24);
  const hasTwoSizes = number(20) !== sizeBytes;
  const local = number(42);
  return {
    name,
    nameLength,
    sizeBytes,
    local,
    isPlain: view.getUint16(10, true) === 0 && (view.getUint16(8, true) & 1) === 0,
    hasTwoSizes,
    isOutside: ![sizeBytes, local].every((value) => Number.isSafeInteger(value) && value >= 0),
    next: at + next,
  };
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

/** Headers that lie close to each other are read at once. */
const spanBytes = 2 ** 20;

/**
 * The content begins after the name and extra field of the local header, which may differ from the
 * directory's.
 */
async function locateAll(
  entries: readonly DirectoryEntry[],
  broken: Map<string, UserError>,
  source: ByteSource,
  signal?: AbortSignal,
): Promise<Map<string, ZipMember>> {
  let span = { begin: 0, bytes: new Uint8Array(0) };
  const begins = new Map<string, number>();
  for (const { name, local, sizeBytes } of entries.toSorted((a, b) => a.local - b.local)) {
    if (local + localBytes > span.begin + span.bytes.length) {
      // One header where the next is far away.
      const wanted = sizeBytes < spanBytes / 16 ? spanBytes : localBytes;
      const end = Math.min(local + wanted, source.sizeBytes);
      span = { begin: local, bytes: await source.read(local, end, signal) };
    }
    const at = local - span.begin;
    const header = viewOf(span.bytes.subarray(at, at + localBytes));
    const begin = local + localBytes + header.getUint16(26, true) + header.getUint16(28, true);
    if (header.getUint32(0, true) !== signatures.local) {
      broken.set(name, fault(source, `no header of the file ${shownPath(name)}`));
    } else if (begin + sizeBytes > source.sizeBytes) {
      broken.set(name, fault(source, `the file ${shownPath(name)} beyond its end`));
    } else {
      begins.set(name, begin);
    }
  }
  return new Map(
    entries.flatMap(({ name, sizeBytes }): [string, ZipMember][] => {
      const begin = begins.get(name);
      return begin === undefined ? [] : [[name, { name, begin, sizeBytes }]];
    }),
  );
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
