// The contract of a fuzzing family: one parser, its valid seeds, and its limits.
import type { ByteSource } from "../../src/formats/byte-source.ts";
import { UserError } from "../../src/util/errors.ts";
import type { Draws } from "./draws.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Family {
  name: string;
  /** Small valid inputs; each is mutated some ten thousand times. */
  seeds: () => Promise<Bytes[]> | Bytes[];
  /** Tokens of the format, inserted at random places. */
  words: readonly string[];
  /** A mutation that knows the format; used for every other input. */
  mutate?: (input: Bytes, draws: Draws, words: readonly string[]) => Bytes;
  /** Parses an input and uses the result as the page does. May throw only a UserError. */
  run: (input: Bytes) => unknown;
  /**
   * Bytes that a call may allocate beyond four times its input: the documented limit, or the least
   * limit.
   */
  extraBytes?: number;
}

/** A file in memory that reads like a Blob, without a task per read. */
export function memorySource(bytes: Bytes, name: string): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read: (begin, end) =>
      begin < 0 || begin > end || end > bytes.length
        ? Promise.reject(
            new UserError("unreadable-file", `Bytes ${begin} to ${end} are not there.`, {
              where: name,
              remedy: "Choose the file again.",
            }),
          )
        : Promise.resolve(bytes.slice(begin, end)),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Bytes {
  return encoder.encode(text);
}

export function textOf(bytes: Bytes): string {
  return decoder.decode(bytes);
}

/** Joins parts of one input, e.g. a config and weights, each after its length. */
export function pack(parts: readonly Bytes[]): Bytes {
  const packed = new Uint8Array(parts.reduce((size, part) => size + 4 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    new DataView(packed.buffer).setUint32(at, part.length, true);
    packed.set(part, at + 4);
    at += 4 + part.length;
  }
  return packed;
}

/** Splits what `pack` joined; missing parts of a broken input are empty. */
export function unpack(packed: Bytes, count: number): Bytes[] {
  const parts: Bytes[] = [];
  let at = 0;
  while (parts.length < count) {
    const isThere = at + 4 <= packed.length;
    const length = isThere ? new DataView(packed.buffer, packed.byteOffset).getUint32(at, true) : 0;
    parts.push(packed.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}
