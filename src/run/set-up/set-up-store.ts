// Keeps the set-up in the page's own storage. A manifest is written after the files that it names,
// under a new number, and the one before is deleted after that: a killed tab leaves one of the two.
import { decodeHashed, encodeHashed } from "../../checkpoint/database/hashed-json.ts";
import { parseJson } from "../../checkpoint/file/parse.ts";
import { invariant } from "../../util/assert.ts";
import { tryLock, waitForLock, type Release } from "../../sources/storage/file-lock.ts";
import {
  flushed,
  isMissing,
  makeFolder,
  openFile,
  openStorage,
  removeEntry,
  writeAll,
  type StorageFolder,
} from "../../sources/storage/private-files.ts";
import type { PickedFile } from "../../sources/files.ts";
import { parseKeptSetUp, type KeptFile, type KeptSetUp } from "./kept-set-up.ts";

const folderName = "set-up";
const lockName = "anneal set-up";
/** More is neither copied at each choice nor kept a second time on the disk. */
const maxKeptBytes = 256 * 2 ** 20;
const pieceBytes = 8 * 2 ** 20;

/** A chosen file, and the one that is kept of it. */
interface Placed {
  picked: PickedFile;
  kept: KeptFile;
}

export class SetUpStore {
  readonly #storage: () => Promise<StorageFolder | null>;
  /** Stored files that this tab may read, by id: another tab must not delete them. */
  readonly #inUse = new Map<string, Release>();

  constructor(storage: () => Promise<StorageFolder | null> = openStorage) {
    this.#storage = storage;
  }

  /**
   * Keeps a set-up in place of the one before. Files that are kept already are not copied again.
   * @param name gives the set-up its files as they are kept
   * @throws UserError "quota"; the one before stays then. The signal's AbortError
   */
  async keep(
    picked: readonly PickedFile[],
    name: (files: (file: PickedFile) => KeptFile) => KeptSetUp,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = await this.#folder(true);
    if (folder === null) {
      return;
    }
    await this.#alone(signal, async () => {
      const newest = await newestOf(folder);
      const before = newest === null ? [] : filesOf(newest.setUp);
      const placed = await place(folder, picked, before, signal);
      const setUp = name((file) => keptOf(file, placed));
      const number = (newest?.number ?? 0) + 1;
      const hashed = await encodeHashed(JSON.stringify(setUp));
      await write(folder, manifestName(number), new Blob([hashed]), signal);
      await this.#collect(folder, number, idsOf(setUp));
    });
  }

  /** The kept set-up; null without one, or where none can be read. */
  async recall(signal: AbortSignal): Promise<KeptSetUp | null> {
    const folder = await this.#folder(false);
    if (folder === null) {
      return null;
    }
    return await this.#alone(signal, async () => {
      const setUp = (await newestOf(folder))?.setUp ?? null;
      for (const id of setUp === null ? [] : idsOf(setUp)) {
        const release = this.#inUse.has(id) ? null : await tryLock(lockOf(id), "shared");
        if (release !== null) {
          this.#inUse.set(id, release);
        }
      }
      return setUp;
    });
  }

  /** A kept file; null where it is gone. */
  async file({ id, path, modifiedAt, sizeBytes }: KeptFile): Promise<File | null> {
    const folder = await this.#folder(false);
    if (id === null || folder === null) {
      return null;
    }
    try {
      const blob = await (await folder.getFileHandle(id)).getFile();
      const name = path.slice(path.lastIndexOf("/") + 1);
      return blob.size === sizeBytes ? new File([blob], name, { lastModified: modifiedAt }) : null;
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw error;
    }
  }

  /** Deletes the kept set-up and its files. */
  async clear(signal: AbortSignal): Promise<void> {
    const folder = await this.#folder(false);
    if (folder !== null) {
      await this.#alone(signal, () => this.#collect(folder, null, new Set()));
    }
  }

  async #folder(create: boolean): Promise<StorageFolder | null> {
    try {
      const root = await this.#storage();
      return create && root !== null
        ? await makeFolder(root, folderName)
        : ((await root?.getDirectoryHandle(folderName)) ?? null);
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw error;
    }
  }

  /** One tab at a time. */
  async #alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const release = await waitForLock(lockName, "exclusive", signal);
    try {
      return await work();
    } finally {
      await release();
    }
  }

  /** Deletes all but a manifest and its files; what another tab reads stays until later. */
  async #collect(
    folder: StorageFolder,
    number: number | null,
    ids: ReadonlySet<string>,
  ): Promise<void> {
    for (const [id, release] of this.#inUse) {
      if (!ids.has(id)) {
        this.#inUse.delete(id);
        await release();
      }
    }
    for (const name of await namesIn(folder)) {
      const isManifest = numberOf(name) !== null;
      if (isManifest ? numberOf(name) !== number : !ids.has(name)) {
        await deleteUnused(folder, name);
      }
    }
  }
}

/** Stores the files that are not, as many as fit. */
async function place(
  folder: StorageFolder,
  picked: readonly PickedFile[],
  before: readonly KeptFile[],
  signal: AbortSignal,
): Promise<Placed[]> {
  const totalBytes = picked.reduce((sum, { file }) => sum + file.size, 0);
  const placed: Placed[] = [];
  for (const each of picked) {
    const { file, path } = each;
    const facts = { path, sizeBytes: file.size, modifiedAt: file.lastModified };
    const twin = before.find((kept) => areSame(kept, facts) && kept.id !== null);
    let id = twin?.id ?? null;
    if (id === null && totalBytes <= maxKeptBytes) {
      id = `file-${crypto.randomUUID()}`;
      await write(folder, id, file, signal);
    }
    placed.push({ picked: each, kept: { ...facts, id } });
  }
  return placed;
}

function keptOf(file: PickedFile, placed: readonly Placed[]): KeptFile {
  const found = placed.find(({ picked }) => picked === file);
  invariant(found !== undefined, "a file of the set-up was not given");
  return found.kept;
}

function areSame(a: Omit<KeptFile, "id">, b: Omit<KeptFile, "id">): boolean {
  return a.path === b.path && a.sizeBytes === b.sizeBytes && a.modifiedAt === b.modifiedAt;
}

async function write(
  folder: StorageFolder,
  name: string,
  content: Blob,
  signal: AbortSignal,
): Promise<void> {
  const file = await openFile(folder, name);
  try {
    for (let at = 0; at < content.size; at += pieceBytes) {
      signal.throwIfAborted();
      const bytes = new Uint8Array(await content.slice(at, at + pieceBytes).arrayBuffer());
      await writeAll(file, bytes, at);
    }
    await flushed(file);
  } finally {
    file.close();
  }
}

/** The readable manifest with the highest number. */
async function newestOf(
  folder: StorageFolder,
): Promise<{ number: number; setUp: KeptSetUp } | null> {
  const numbers = (await namesIn(folder)).map(numberOf).filter((number) => number !== null);
  for (const number of numbers.toSorted((a, b) => b - a)) {
    const handle = await folder.getFileHandle(manifestName(number));
    const json = await decodeHashed(await (await handle.getFile()).text());
    try {
      if (json !== null) {
        return { number, setUp: parseJson(json, parseKeptSetUp, "set-up") };
      }
    } catch {
      // Of another version: an older one may be readable.
    }
  }
  return null;
}

async function namesIn(folder: StorageFolder): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) {
    names.push(name);
  }
  return names;
}

function manifestName(number: number): string {
  return `set-up-${number}.json`;
}

function numberOf(name: string): number | null {
  const digits = /^set-up-(\d{1,15})\.json$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

function filesOf({ data, adapter }: KeptSetUp): KeptFile[] {
  return [...(data?.files ?? []), ...(adapter ?? [])];
}

function idsOf(setUp: KeptSetUp): Set<string> {
  return new Set(filesOf(setUp).flatMap(({ id }) => id ?? []));
}

function lockOf(id: string): string {
  return `${lockName} ${id}`;
}

async function deleteUnused(folder: StorageFolder, name: string): Promise<void> {
  const release = await tryLock(lockOf(name), "exclusive");
  if (release !== null) {
    await removeEntry(folder, name);
    await release();
  }
}
