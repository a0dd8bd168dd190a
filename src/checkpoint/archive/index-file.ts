// The index of an archive of saved runs, a file in it: its checkpoints and data sets, with the
// SHA-256 of every chunk.
import { shortJson } from "../../util/short-json.ts";
import { UserError } from "../../util/errors.ts";
import type { HashedBytes } from "../database/chunks.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import {
  bool,
  integer,
  listOf,
  parseJson,
  record,
  sha256,
  text,
  type Parser,
} from "../file/parse.ts";

export const indexName = "anneal-runs.json";

export interface IndexedFile {
  /** Its name in the archive. */
  file: string;
  /** Milliseconds since 1970. */
  savedAt: number;
  chunks: HashedBytes[];
}

export type IndexedCheckpoint = IndexedFile & {
  runId: string;
  step: number;
  isPinned: boolean;
  /** Of the run, where the person gave it one. */
  name?: string;
};

export type IndexedData = IndexedFile & { sha256: string };

/** An entry of an archive that cannot be used, and why, as a sentence with its place. */
export interface RefusedEntry {
  file: string;
  reason: string;
}

export interface ArchiveIndex {
  checkpoints: IndexedCheckpoint[];
  data: IndexedData[];
  /** Entries of the index that cannot be read. */
  refused: RefusedEntry[];
}

const format = "anneal-runs";
const version = 2;
/** The first had no names. */
const oldestVersion = 1;
/** Enough for 100,000 checkpoints of ten chunks each. */
export const maxIndexBytes = 100_000_000;

const indexedFile = {
  file: text,
  // Times past the permitted range, which earlier versions could write, are no reason to refuse.
  savedAt: integer(0),
  chunks: listOf(record<HashedBytes>({ sizeBytes: integer(1), sha256 })),
};

const checkpoint: Parser<IndexedCheckpoint> = record<
  Omit<IndexedCheckpoint, "name">,
  Pick<IndexedCheckpoint, "name">
>({ ...indexedFile, runId: text, step: integer(0), isPinned: bool }, { name: text });

const dataSet: Parser<IndexedData> = record<IndexedData>({ ...indexedFile, sha256 });

const unread: Parser<unknown> = (value) => value;

const envelope = record<{
  format: string;
  version: number;
  checkpoints: unknown[];
  data: unknown[];
}>({ format: text, version: integer(1), checkpoints: listOf(unread), data: listOf(unread) });

/** The text of an index. */
export function writeIndex(entries: Pick<ArchiveIndex, "checkpoints" | "data">): string {
  return `${JSON.stringify({ format, version, ...entries }, null, 1)}\n`;
}

/**
 * Reads an index; an entry that cannot be read is refused alone.
 * @throws UserError "bad-checkpoint" when it is no index, of another version, or lists a file twice
 */
export function parseIndex(json: string, where: string): ArchiveIndex {
  const index = parseJson(json, envelope, where);
  if (index.format !== format || index.version < oldestVersion || index.version > version) {
    throw badCheckpoint(
      `It is ${shortJson(index.format)} ${index.version}; this page reads ${format} ${version}. Reload the page to update it.`,
      where,
    );
  }
  const checkpoints = readable(index.checkpoints, checkpoint, `${where}, checkpoints`);
  const data = readable(index.data, dataSet, `${where}, data`);
  const read = { checkpoints: checkpoints.entries, data: data.entries };
  refuseRepeats([...read.data, ...read.checkpoints], where);
  return { ...read, refused: [...data.refused, ...checkpoints.refused] };
}

function readable<T>(
  values: readonly unknown[],
  parse: Parser<T>,
  place: string,
): { entries: T[]; refused: RefusedEntry[] } {
  const entries: T[] = [];
  const refused: RefusedEntry[] = [];
  for (const [i, value] of values.entries()) {
    try {
      entries.push(parse(value, `${place}[${i}]`));
    } catch (error) {
      if (!(error instanceof UserError)) {
        throw error;
      }
      refused.push({ file: namedIn(value) ?? `entry ${i + 1}`, reason: error.message });
    }
  }
  return { entries, refused };
}

/** The file that an unreadable entry names. */
function namedIn(value: unknown): string | null {
  const { file } = (typeof value === "object" && value !== null ? value : {}) as { file?: unknown };
  return typeof file === "string" ? file : null;
}

/** One large file under a thousand entries would be stored a thousand times. */
function refuseRepeats(files: readonly IndexedFile[], where: string): void {
  const names = new Set<string>();
  for (const { file } of files) {
    if (names.has(file)) {
      throw badCheckpoint(`It lists the file ${shortJson(file)} twice.`, where);
    }
    names.add(file);
  }
}
