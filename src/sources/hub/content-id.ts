// The hash a file must have: the Hub lists SHA-256 for large files (git LFS) and git's blob hash
// for all others.
import { createSHA1, createSHA256, type IHasher } from "hash-wasm";
import { concatBytes, hexOf } from "../../util/bytes.ts";

export interface ContentId {
  /** `git-blob` is SHA-1 over "blob <size>", a zero byte, and the content. */
  readonly kind: "sha256" | "git-blob";
  /** Lower-case hex digits: 64 or 40. */
  readonly hex: string;
}

/** Whether a whole file in memory has this hash. */
export async function isContent(bytes: Uint8Array<ArrayBuffer>, id: ContentId): Promise<boolean> {
  const [algorithm, hashed] =
    id.kind === "sha256"
      ? ["SHA-256", bytes]
      : ["SHA-1", concatBytes([gitPrefix(bytes.length), bytes])];
  const digest = new Uint8Array(await crypto.subtle.digest(algorithm, hashed));
  return hexOf(digest) === id.hex;
}

/**
 * A hash that is updated in order; its `digest("hex")` must equal the id's hex. WebCrypto hashes
 * whole values only.
 */
export async function contentHash({ kind }: ContentId, sizeBytes: number): Promise<IHasher> {
  const hash = await (kind === "sha256" ? createSHA256() : createSHA1());
  hash.init();
  return kind === "sha256" ? hash : hash.update(gitPrefix(sizeBytes));
}

function gitPrefix(sizeBytes: number): Uint8Array {
  return new TextEncoder().encode(`blob ${sizeBytes}\0`);
}
