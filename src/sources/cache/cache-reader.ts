// Reads a stored model: checks the size of every piece always, its hash on the first read.
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import { concatBytes, sha256Hex } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { CacheManifest, Piece } from "./cache-manifest.ts";
import type { FileSet, Progress } from "../files.ts";
import type { Release } from "../storage/file-lock.ts";

export class CacheReader {
  /** Sizes of each blob's pieces in bytes, in order, by the blob's name. */
  readonly blobs: ReadonlyMap<string, readonly number[]>;
  /** Releases the model, so that it can be deleted. */
  readonly close: Release;
  readonly #manifest: CacheManifest;
  readonly #source: ByteSource;
  readonly #verified: Set<number>;
  readonly #isGone: () => Promise<boolean>;

  /**
   * @param verified first bytes of the pieces that passed their hash before; grows
   * @param release of the model's lock, which the reader holds from now on
   * @param isGone whether the browser still has the model
   */
  constructor(
    manifest: CacheManifest,
    data: Blob,
    verified: Set<number>,
    release: Release,
    isGone: () => Promise<boolean>,
  ) {
    this.blobs = new Map(
      [...manifest.blobs].map(([name, pieces]) => [name, pieces.map(({ sizeBytes }) => sizeBytes)]),
    );
    this.close = release;
    this.#manifest = manifest;
    this.#source = blobSource(data, manifest.name);
    this.#verified = verified;
    this.#isGone = isGone;
  }

  /**
   * One piece of a blob, in a buffer of its own.
   * @throws UserError "damaged-file": delete the model and load it again; "missing-file" when the
   *   browser has emptied its storage; "unreadable-file"; the signal's AbortError
   */
  async read(name: string, index: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const piece = this.#manifest.blobs.get(name)?.[index];
    if (piece === undefined) {
      throw this.#damaged("It was not stored.", name);
    }
    return await this.#readPiece(piece, name, signal);
  }

  /** The texts as the files of a model, under the model's name. Throws as `read` does. */
  async files(): Promise<FileSet> {
    const { name, revision, licence, texts } = this.#manifest;
    const entries = [...texts].map(
      async ([file, pieces]) => [file, await this.#textFile(file, pieces)] as const,
    );
    const files = new Map(await Promise.all(entries));
    return { source: "cache", name, revision, licence, files };
  }

  /** Reads all pieces and checks their hashes. Throws as `read` does. */
  async verify(progress: Progress, signal: AbortSignal): Promise<void> {
    this.#verified.clear();
    let doneBytes = 0;
    for (const [name, pieces] of [...this.#manifest.texts, ...this.#manifest.blobs]) {
      for (const piece of pieces) {
        await this.#readPiece(piece, name, signal);
        doneBytes += piece.sizeBytes;
        progress(doneBytes, this.#manifest.dataBytes);
      }
    }
  }

  async #textFile(name: string, pieces: readonly Piece[]): Promise<ByteSource> {
    const parts = await Promise.all(pieces.map((piece) => this.#readPiece(piece, name)));
    return blobSource(new Blob([concatBytes(parts)]), name);
  }

  async #readPiece(
    piece: Piece,
    name: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#readBytes(piece, name, signal);
    if (!this.#verified.has(piece.begin)) {
      if ((await sha256Hex(bytes)) !== piece.sha256) {
        throw this.#damaged(`${formatBytes(piece.sizeBytes)} differ from what was stored.`, name);
      }
      this.#verified.add(piece.begin);
    }
    return bytes;
  }

  async #readBytes(
    { begin, sizeBytes }: Piece,
    name: string,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#source.read(begin, begin + sizeBytes, signal);
    } catch (error) {
      if (error instanceof UserError && (await this.#isGone())) {
        throw goneModel(this.#manifest.name, error);
      }
      if (error instanceof UserError) {
        throw new UserError("unreadable-file", "The browser cannot read the stored model.", {
          where: `${this.#manifest.name}, ${name}`,
          remedy: "Try again. If it happens again, delete the model and reload it.",
          cause: error,
        });
      }
      throw error;
    }
  }

  #damaged(reason: string, name: string): UserError {
    return damagedModel(`${this.#manifest.name}, ${name}`, reason);
  }
}

/** The error of a stored model that was there and is not any more. */
function goneModel(name: string, cause: unknown): UserError {
  return new UserError(
    "missing-file",
    `The stored model is gone: choose ${name} under Model, then resume.`,
    { remedy: "The browser has emptied the storage of this page. Listed runs are intact.", cause },
  );
}

/** The error of a stored model that has to be deleted and loaded again. */
export function damagedModel(where: string, reason: string): UserError {
  return new UserError("damaged-file", `The stored model is damaged: ${reason}`, {
    where,
    remedy:
      "Close other tabs that use it, then choose it again under Model to reload it. If this happens often, check the disk.",
  });
}
