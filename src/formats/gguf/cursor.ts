// Reads consecutive values from the loaded part of a file.
import { badHeader, cutOff } from "./fault.ts";

/** Thrown where a value extends beyond the loaded bytes but not beyond the file. */
export class OutOfBytes extends Error {
  /** End of the bytes that the value needs, as an offset in the file. */
  readonly end: number;

  constructor(end: number) {
    super("More of the file is needed.");
    this.end = end;
  }
}

export class Cursor {
  /** The place of the values, for errors. */
  where: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  readonly #fileBytes: number;
  #at = 0;

  /**
   * @param bytes the loaded part
   * @param start its offset in the file
   * @param fileBytes size of the whole file
   */
  constructor(bytes: Uint8Array, start: number, fileBytes: number, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = start;
    this.#fileBytes = fileBytes;
    this.where = where;
  }

  /** Offset in the file of the next byte. */
  get position(): number {
    return this.#start + this.#at;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A u64 as a number. @throws UserError "bad-header" above the limit */
  count(what: string, limit: number): number {
    const value = this.u64();
    if (value > BigInt(limit)) {
      throw badHeader(
        `It announces ${value.toString()} ${what}; the limit is ${limit}.`,
        this.where,
      );
    }
    return Number(value);
  }

  /** A copy of the next bytes, in a separate buffer. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(count);
    return this.#bytes.slice(at, at + count);
  }

  /** @throws UserError "bad-header" above the limit or for text that is not UTF-8 */
  string(what: string, limit: number): string {
    const length = this.count(`bytes of ${what}`, limit);
    const at = this.#take(length);
    try {
      return decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw badHeader(`Its ${what} is not UTF-8 text.`, this.where);
    }
  }

  #take(count: number): number {
    const at = this.#at;
    const end = this.position + count;
    if (end > this.#fileBytes) {
      throw cutOff(end, this.#fileBytes, this.where);
    }
    if (at + count > this.#bytes.length) {
      throw new OutOfBytes(end);
    }
    this.#at = at + count;
    return at;
  }
}

// A token may be a byte order mark, so it must be kept.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
