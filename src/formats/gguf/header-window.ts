// Loads a file's header in growing ranges and drops the part that was read.
import { concatBytes } from "../../util/bytes.ts";
import type { ByteSource } from "../byte-source.ts";
import { Cursor, OutOfBytes } from "./cursor.ts";
import { badHeader } from "./fault.ts";

/** Enough for a header without a tokenizer. */
const firstBytes = 256 * 1024;
/** No header is this large: with the largest vocabularies in use it has 15 MB. */
const maxHeaderBytes = 128 * 1024 ** 2;

export class HeaderWindow {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #bytes = new Uint8Array(0);
  #start = 0;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Offset in the file of the next item. */
  get position(): number {
    return this.#start;
  }

  /**
   * The next item. `parse` runs again from the item's start when it needs more bytes than are
   * loaded. The loaded part doubles each time, so that an item is parsed about twice at most.
   * @throws UserError the errors of `parse`, "unreadable-file"; the signal's AbortError
   */
  async next<T>(parse: (cursor: Cursor) => T): Promise<T> {
    for (;;) {
      this.#signal?.throwIfAborted();
      const { name, sizeBytes } = this.#source;
      const cursor = new Cursor(this.#bytes, this.#start, sizeBytes, name);
      try {
        const item = parse(cursor);
        this.#bytes = this.#bytes.subarray(cursor.position - this.#start);
        this.#start = cursor.position;
        return item;
      } catch (error) {
        if (!(error instanceof OutOfBytes)) {
          throw error;
        }
        await this.#extend(error.end, cursor.where);
      }
    }
  }

  async #extend(end: number, where: string): Promise<void> {
    if (end > maxHeaderBytes) {
      throw badHeader(`The header extends to byte ${end}; the limit is ${maxHeaderBytes}.`, where);
    }
    const { sizeBytes } = this.#source;
    const have = this.#start + this.#bytes.length;
    const wanted = Math.max(end, have + Math.max(firstBytes, this.#bytes.length));
    const more = await this.#source.read(have, Math.min(wanted, sizeBytes), this.#signal);
    this.#bytes = concatBytes([this.#bytes, more]);
  }
}
