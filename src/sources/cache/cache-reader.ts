// Reads a stored model: every piece by its size always, and by its hash the first time.
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import { concatBytes, sha256Hex } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { CacheManifest, Piece } from "./cache-manifest.ts";
import type { FileSet, Progress } from "../files.ts";
import type { Release } from "../storage/file-lock.ts";

export interface CacheReader {
  /** Sizes of each blob's pieces in bytes, in order, by the blob's name. */
  readonly blobs: ReadonlyMap<string, readonly number[]>;
  /**
   * One piece of a blob, in a buffer of its own.
   * @throws UserError "damaged-file": the model is to be deleted and loaded again;
   * "unreadable-file"; the signal's AbortError
   */
  read(name: string, piece: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** The texts as the files of a model, under the model's own name. Throws as `read` does. */
  files(): Promise<FileSet>;
  /** Reads everything against its hash. Throws as `read` does. */
  verify(progress: Progress, signal: AbortSignal): Promise<void>;
  /** Lets the model be deleted. */
  readonly close: Release;
}

/** @param verified where pieces begin that were found sound before; grows */
export function openReader(
  manifest: CacheManifest,
  data: Blob,
  verified: Set<number>,
  release: Release,
): CacheReader {
  const source = blobSource(data, manifest.name);

  async function readPiece(piece: Piece, name: string, signal?: AbortSignal) {
    const bytes = await readBytes(source, piece, name, signal);
    if (!verified.has(piece.begin)) {
      if ((await sha256Hex(bytes)) !== piece.sha256) {
        throw damaged(`${formatBytes(piece.sizeBytes)} of it are not what was stored.`, name);
      }
      verified.add(piece.begin);
    }
    return bytes;
  }

  function damaged(reason: string, name: string, cause?: unknown): UserError {
    return damagedModel(`${manifest.name}, ${name}`, reason, cause);
  }

  async function readBytes(
    source: ByteSource,
    { begin, sizeBytes }: Piece,
    name: string,
    signal?: AbortSignal,
  ) {
    try {
      return await source.read(begin, begin + sizeBytes, signal);
    } catch (error) {
      if (error instanceof UserError) {
        throw new UserError("unreadable-file", "The stored model cannot be read just now.", {
          where: `${manifest.name}, ${name}`,
          remedy: "Try again. If it happens again, delete the model and load it anew.",
          cause: error,
        });
      }
      throw error;
    }
  }

  async function textFile(name: string, pieces: readonly Piece[]): Promise<ByteSource> {
    const parts = await Promise.all(pieces.map((piece) => readPiece(piece, name)));
    return blobSource(new Blob([concatBytes(parts)]), name);
  }

  return {
    blobs: new Map(
      [...manifest.blobs].map(([name, pieces]) => [name, pieces.map(({ sizeBytes }) => sizeBytes)]),
    ),
    async read(name, index, signal) {
      const piece = manifest.blobs.get(name)?.[index];
      if (piece === undefined) {
        throw damaged("It was not stored.", name);
      }
      return await readPiece(piece, name, signal);
    },
    async files() {
      const { name, revision, licence, texts } = manifest;
      const entries = [...texts].map(
        async ([file, pieces]) => [file, await textFile(file, pieces)] as const,
      );
      return {
        source: "cache",
        name,
        revision,
        licence,
        files: new Map(await Promise.all(entries)),
      };
    },
    async verify(progress, signal) {
      verified.clear();
      let doneBytes = 0;
      for (const [name, pieces] of [...manifest.texts, ...manifest.blobs]) {
        for (const piece of pieces) {
          await readPiece(piece, name, signal);
          doneBytes += piece.sizeBytes;
          progress(doneBytes, manifest.dataBytes);
        }
      }
    },
    close: release,
  };
}

export function damagedModel(where: string, reason: string, cause?: unknown): UserError {
  return new UserError("damaged-file", `The stored model is damaged: ${reason}`, {
    where,
    remedy:
      "Close other tabs that use it, then choose it again under Model: it is loaded anew. If this happens often, check the disk.",
    cause,
  });
}
