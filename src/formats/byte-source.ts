// A file that is read in ranges, wherever it is stored: a Blob, the page's own storage, a model
// hub.
import { UserError } from "../util/errors.ts";

export interface ByteSource {
  /** Name for errors, e.g. `model.safetensors`. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Bytes `begin` to `end` (exclusive), all of them, in a separate buffer.
   * @throws UserError "unreadable-file" and the errors of the source; the signal's AbortError
   */
  read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** A Blob or File as a source. */
export function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    sizeBytes: blob.size,
    async read(begin, end, signal) {
      signal?.throwIfAborted();
      const bytes = await readBlob(blob, begin, end, name);
      signal?.throwIfAborted();
      return bytes;
    },
  };
}

/** The same source; `onBytes` hears of the bytes of each read. */
export function heardSource(source: ByteSource, onBytes: (sizeBytes: number) => void): ByteSource {
  const { name, sizeBytes } = source;
  return {
    name,
    sizeBytes,
    async read(begin, end, signal) {
      const bytes = await source.read(begin, end, signal);
      onBytes(bytes.length);
      signal?.throwIfAborted(); // who hears may cancel
      return bytes;
    },
  };
}

/** A whole small file as text. */
export async function textOfSource(source: ByteSource, signal?: AbortSignal): Promise<string> {
  return new TextDecoder().decode(await source.read(0, source.sizeBytes, signal));
}

async function readBlob(
  blob: Blob,
  begin: number,
  end: number,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await blob.slice(begin, end).arrayBuffer());
  } catch (cause) {
    throw unreadable(`Bytes ${begin} to ${end} cannot be read (${String(cause)}).`, name, cause);
  }
  if (bytes.length !== end - begin) {
    throw unreadable(`Reading bytes ${begin} to ${end} returned only ${bytes.length}.`, name);
  }
  return bytes;
}

function unreadable(message: string, where: string, cause?: unknown): UserError {
  return new UserError("unreadable-file", message, {
    where,
    remedy: "The file may have changed or moved since it was chosen: choose it again.",
    cause,
  });
}
