// Hashes a large Blob a slice at a time.
import { sha256Hex } from "./bytes.ts";
import { fetched } from "./later.ts";

const sliceBytes = 4 * 2 ** 20;

/** SHA-256 of the blob as 64 lower-case hex digits. @throws the signal's AbortError */
export async function sha256OfBlob(blob: Blob, signal?: AbortSignal): Promise<string> {
  if (blob.size <= sliceBytes) {
    return await sha256Hex(new Uint8Array(await blob.arrayBuffer()));
  }
  const { createSHA256 } = await fetched(import("./stream-hash.ts"));
  const hash = await createSHA256();
  hash.init();
  for (let begin = 0; begin < blob.size; begin += sliceBytes) {
    signal?.throwIfAborted();
    hash.update(new Uint8Array(await blob.slice(begin, begin + sliceBytes).arrayBuffer()));
  }
  return hash.digest("hex");
}
