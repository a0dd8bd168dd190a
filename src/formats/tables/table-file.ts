// Reads a data file as pieces of bytes, slice by slice, inflated where it is a .gz.
import { formatBytes } from "../../util/format.ts";
import { UserError } from "../../util/errors.ts";
import { blobSource } from "../byte-source.ts";

/** A data file as a reader takes it. */
export interface TableFile {
  /** Name for errors. */
  readonly name: string;
  readonly blob: Blob;
  /** Whether the blob is gzip around the file. */
  readonly isGzip: boolean;
  /** Bytes read at once; {@link defaultSliceBytes} unless a test gives another size. */
  readonly sliceBytes?: number;
  /** Bytes that a .gz may inflate to; {@link maxInflatedBytes} unless a test gives others. */
  readonly inflatedBytes?: number;
}

export interface BytePiece {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the blob read so far; of a .gz the compressed ones. */
  readBytes: number;
}

/**
 * 1 MiB is read in about a millisecond and parsed in ten: progress is smooth and a cancel quick.
 */
export const defaultSliceBytes = 2 ** 20;

/** gzip shrinks at most 1032:1, so 4 MB could become this much: a mistake or an attack. */
export const maxInflatedBytes = 4 * 2 ** 30;

/**
 * All bytes in order.
 * @throws UserError "unreadable-file"; "bad-row" for gzip that is damaged or inflates to more than
 *   4 GiB; the signal's AbortError
 */
export async function* readPieces(
  file: TableFile,
  signal?: AbortSignal,
): AsyncGenerator<BytePiece, void> {
  if (!file.isGzip) {
    yield* slices(file, signal);
    return;
  }
  const progress = { readBytes: 0 };
  const reader = slicesAsStream(file, progress, signal)
    .pipeThrough(new DecompressionStream("gzip"))
    .getReader();
  try {
    for (let size = 0; ;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw gzipFault(cause, file.name, signal);
      });
      if (done) {
        return;
      }
      size += value.length;
      checkInflated(size, file);
      yield { bytes: value, readBytes: progress.readBytes };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The first bytes of the file, inflated; fewer when it is shorter.
 * @throws as {@link readPieces}
 */
export async function readOpening(
  file: TableFile,
  bytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const opening = new Uint8Array(file.isGzip ? bytes : Math.min(bytes, file.blob.size));
  let length = 0;
  for await (const piece of readPieces(file, signal)) {
    const part = piece.bytes.subarray(0, bytes - length);
    opening.set(part, length);
    length += part.length;
    if (length === bytes) {
      break;
    }
  }
  return opening.subarray(0, length);
}

async function* slices(file: TableFile, signal?: AbortSignal): AsyncGenerator<BytePiece, void> {
  const { blob, name, sliceBytes = defaultSliceBytes } = file;
  const source = blobSource(blob, name);
  for (let begin = 0; begin < blob.size; begin += sliceBytes) {
    const end = Math.min(begin + sliceBytes, blob.size);
    yield { bytes: await source.read(begin, end, signal), readBytes: end };
  }
}

function slicesAsStream(
  file: TableFile,
  progress: { readBytes: number },
  signal?: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const parts = slices(file, signal);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done === true) {
        controller.close();
      } else {
        progress.readBytes = value.readBytes;
        controller.enqueue(value.bytes);
      }
    },
  });
}

function checkInflated(size: number, { name, inflatedBytes = maxInflatedBytes }: TableFile): void {
  if (size > inflatedBytes) {
    throw new UserError(
      "bad-row",
      `The gzip data is larger than ${formatBytes(inflatedBytes)} when inflated.`,
      { where: name, remedy: "Choose a part of it, or split it into several files." },
    );
  }
}

/** Errors of the file and of the signal pass; all others are the inflater's. */
function gzipFault(cause: unknown, name: string, signal: AbortSignal | undefined): unknown {
  signal?.throwIfAborted();
  return cause instanceof UserError
    ? cause
    : new UserError("bad-row", "The gzip data is damaged or cut off.", {
        where: name,
        remedy: "Download or copy the file again, or inflate it and choose the inflated file.",
        cause,
      });
}
