// Reads the f16 scales in GGUF's blocks, which may start at any byte.
import { f16ToF32 } from "../../util/bytes.ts";

/** Value of each of the 65,536 patterns: 256 KiB, built on first use. */
let table: Float32Array | undefined;

/** The little-endian f16 at a byte offset. */
export function halfAt(bytes: Uint8Array, at: number): number {
  table ??= f16ToF32(Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern));
  return table[(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)] ?? 0;
}
