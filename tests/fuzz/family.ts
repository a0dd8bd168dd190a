// What is fuzzed: a family of inputs that one parser takes, with whole ones to begin with.
import type { ByteSource } from "../../src/formats/byte-source.ts";
import { UserError } from "../../src/util/errors.ts";
import type { Draws } from "./draws.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Family {
  name: string;
  /** Sound inputs, small ones: each is broken some ten thousand times. */
  seeds: () => Promise<Bytes[]> | Bytes[];
  /** What means something to the parser, put in here and there. */
  words: readonly string[];
  /** A way of breaking it that knows how it is built; used for every other input. */
  mutate?: (input: Bytes, draws: Draws, words: readonly string[]) => Bytes;
  /** Parses, and uses what was parsed as the page would. Throws a UserError or nothing. */
  run: (input: Bytes) => unknown;
  /**
   * What a call may allocate beyond four times its input: the cap that the source documents, or the
   * floor.
   */
  extraBytes?: number;
}

/** A file in memory that answers as a Blob does, without a task for every read. */
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

/** Parts of one input, e.g. a config and weights: each with its length in front. */
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

/** The way back, for a broken input too: parts that are missing are empty. */
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
