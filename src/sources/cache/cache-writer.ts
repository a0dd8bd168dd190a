// Stores a model piece by piece. The model exists once its manifest is on the disk, not before.
import { invariant } from "../../util/assert.ts";
import { bestEffort } from "../../util/best-effort.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { dataName, removeModel, writeManifest } from "./cache-folder.ts";
import type { ModelDescription, Piece } from "./cache-manifest.ts";
import type { Release } from "../storage/file-lock.ts";
import {
  flushed,
  makeFolder,
  openFile,
  writeAll,
  type OpenFile,
  type StorageFolder,
} from "../storage/private-files.ts";

/** Bytes that are read, hashed and returned at once. */
const pieceBytes = 16 * 2 ** 20;

interface OpenModel {
  readonly folder: StorageFolder;
  readonly data: OpenFile;
}

/** A failed method deletes what was written and ends the writer. */
export class CacheWriter {
  readonly #models: StorageFolder;
  readonly #key: string;
  readonly #description: ModelDescription;
  readonly #release: Release;
  readonly #texts = new Map<string, Piece[]>();
  readonly #blobs = new Map<string, Piece[]>();
  #open: OpenModel | null = null;
  #dataBytes = 0;
  #hasEnded = false;

  private constructor(
    models: StorageFolder,
    key: string,
    description: ModelDescription,
    release: Release,
  ) {
    this.#models = models;
    this.#key = key;
    this.#description = description;
    this.#release = release;
  }

  /**
   * Begins an empty model in place of any with this key.
   * @param release of the model's lock, which the writer holds from now on
   */
  static async create(
    models: StorageFolder,
    key: string,
    description: ModelDescription,
    release: Release,
  ): Promise<CacheWriter> {
    const writer = new CacheWriter(models, key, description, release);
    await writer.#orAbort(() => writer.#begin());
    return writer;
  }

  /**
   * Appends bytes to a blob, which the first call begins; calls may alternate between blobs.
   * @throws UserError "quota"
   */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#orAbort(async () => {
      const pieces = this.#blobs.get(name) ?? [];
      this.#blobs.set(name, pieces);
      await this.#append(pieces, bytes);
    });
  }

  /** Stores a small file of the model as text, e.g. config.json. Throws as `write` does. */
  async text(name: string, text: string): Promise<void> {
    await this.#orAbort(async () => {
      const pieces: Piece[] = [];
      await this.#append(pieces, new TextEncoder().encode(text));
      this.#texts.set(name, pieces);
    });
  }

  /** Flushes the data and writes the manifest: the model exists then. Throws as `write` does. */
  async commit(): Promise<void> {
    await this.#orAbort(async () => {
      const { folder, data } = this.#opened();
      await flushed(data);
      data.close();
      this.#open = null;
      await writeManifest(folder, {
        ...this.#description,
        createdAt: Date.now(),
        dataBytes: this.#dataBytes,
        texts: this.#texts,
        blobs: this.#blobs,
      });
      this.#hasEnded = true;
      await this.#release();
    });
  }

  /** Deletes everything that was written; without effect on a writer that has ended. */
  async abort(): Promise<void> {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.#open?.data.close();
    try {
      await removeModel(this.#models, this.#key);
    } finally {
      await this.#release();
    }
  }

  async #begin(): Promise<void> {
    await removeModel(this.#models, this.#key);
    const folder = await makeFolder(this.#models, this.#key);
    this.#open = { folder, data: await openFile(folder, dataName) };
  }

  async #append(pieces: Piece[], bytes: Uint8Array): Promise<void> {
    const { data } = this.#opened();
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = new Uint8Array(bytes.subarray(at, at + pieceBytes));
      const begin = this.#dataBytes;
      this.#dataBytes += piece.length;
      await writeAll(data, piece, begin);
      pieces.push({ begin, sizeBytes: piece.length, sha256: await sha256Hex(piece) });
    }
  }

  /** A failure must leave no torn model and no lock. */
  async #orAbort(task: () => Promise<void>): Promise<void> {
    invariant(!this.#hasEnded, "This model was committed or aborted.");
    try {
      await task();
    } catch (error) {
      await bestEffort("the first error is the one to report", this.abort());
      throw error;
    }
  }

  #opened(): OpenModel {
    invariant(this.#open !== null, "The model's data file is closed.");
    return this.#open;
  }
}
