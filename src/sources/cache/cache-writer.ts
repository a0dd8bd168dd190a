// Stores a model piece by piece. It exists from the moment its manifest is on the disk, and not
// before.
import { invariant } from "../../util/assert.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { dataName, removeModel, writeManifest } from "./cache-folder.ts";
import type { ModelDescription, Piece } from "./cache-manifest.ts";
import type { Release } from "../storage/file-lock.ts";
import { openFile, writeAll, type OpenFile, type StorageFolder } from "../storage/private-files.ts";

export interface CacheWriter {
  /**
   * Adds bytes to a blob, which a first call begins; blobs may take turns.
   * A failure ends the writer and takes what it wrote away.
   * @throws UserError "quota"
   */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Stores a small file of the model as text, e.g. config.json. Throws as `write` does. */
  text(name: string, text: string): Promise<void>;
  /** Puts all of it on the disk and makes it a stored model. Throws as `write` does. */
  commit(): Promise<void>;
  /** Takes everything away again; without effect after an end. */
  abort(): Promise<void>;
}

/** What is read, hashed and handed on at a time. */
const pieceBytes = 16 * 2 ** 20;

/** @param release of the model's lock, which the writer holds from now on */
export async function openWriter(
  models: StorageFolder,
  key: string,
  description: ModelDescription,
  release: Release,
): Promise<CacheWriter> {
  let data: OpenFile | undefined;
  let folder: StorageFolder;
  const texts = new Map<string, Piece[]>();
  const blobs = new Map<string, Piece[]>();
  let end = 0;
  let isOver = false;

  async function abort(): Promise<void> {
    if (isOver) {
      return;
    }
    isOver = true;
    data?.close();
    try {
      await removeModel(models, key);
    } finally {
      await release();
    }
  }

  /** What fails must leave no torn model and no lock; the first error is the one to tell. */
  async function orAbort<T>(task: () => Promise<T>): Promise<T> {
    invariant(!isOver, "This model is stored or given up already.");
    try {
      return await task();
    } catch (error) {
      await abort().catch(() => undefined);
      throw error;
    }
  }

  async function append(pieces: Piece[], file: OpenFile, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = new Uint8Array(bytes.subarray(at, at + pieceBytes));
      const begin = end;
      end += piece.length;
      await writeAll(file, piece, begin);
      pieces.push({ begin, sizeBytes: piece.length, sha256: await sha256Hex(piece) });
    }
  }

  const file = await orAbort(async () => {
    await removeModel(models, key);
    folder = await models.getDirectoryHandle(key, { create: true });
    data = await openFile(folder, dataName);
    return data;
  });

  return {
    write: (name, bytes) =>
      orAbort(async () => {
        await append(piecesOf(blobs, name), file, bytes);
      }),
    text: (name, text) =>
      orAbort(async () => {
        const pieces: Piece[] = [];
        await append(pieces, file, new TextEncoder().encode(text));
        texts.set(name, pieces);
      }),
    commit: () =>
      orAbort(async () => {
        file.flush();
        file.close();
        data = undefined;
        const createdAt = Date.now();
        await writeManifest(folder, { ...description, createdAt, dataBytes: end, texts, blobs });
        isOver = true;
        await release();
      }),
    abort,
  };
}

function piecesOf(all: Map<string, Piece[]>, name: string): Piece[] {
  const pieces = all.get(name) ?? [];
  all.set(name, pieces);
  return pieces;
}
