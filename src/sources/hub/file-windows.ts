// Reads a remote file in windows of equal size, in order, with several requests in flight: their
// number bounds the memory.
import type { RemoteFile } from "./remote-file.ts";

/** One piece of a file. `bytes` is valid until the next window is requested. */
export interface FileWindow {
  index: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface WindowOptions {
  readonly windowBytes: number;
  /** Concurrent requests, and windows in memory. */
  readonly connections: number;
}

export function windowCount(sizeBytes: number, windowBytes: number): number {
  return Math.ceil(sizeBytes / windowBytes);
}

/**
 * The windows from index `first` on. Allocates `connections` buffers, whatever the file's size. A
 * window is requested when an earlier one was consumed, so a slow request holds the others back
 * instead of filling the memory.
 * @throws UserError of the first request that fails; the signal's AbortError. All requests have
 *   ended then.
 */
export async function* windowsOf(
  file: RemoteFile,
  first: number,
  options: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWindow> {
  if (await file.acceptsRanges(signal)) {
    yield* new RangedWindows(file, first, options).read(signal);
  } else {
    yield* streamedWindows(file, first, options, signal);
  }
}

interface PendingWindow {
  result: Promise<FileWindow>;
  buffer: Uint8Array<ArrayBuffer>;
}

/** One request for each window, `connections` at a time. */
class RangedWindows {
  readonly #file: RemoteFile;
  readonly #windowBytes: number;
  readonly #count: number;
  readonly #free: Uint8Array<ArrayBuffer>[];
  readonly #pending: PendingWindow[] = [];
  #next: number;

  constructor(file: RemoteFile, first: number, { windowBytes, connections }: WindowOptions) {
    this.#file = file;
    this.#windowBytes = windowBytes;
    this.#count = windowCount(file.sizeBytes, windowBytes);
    this.#free = Array.from(
      { length: Math.min(connections, this.#count - first) },
      () => new Uint8Array(windowBytes),
    );
    this.#next = first;
  }

  async *read(signal: AbortSignal): AsyncGenerator<FileWindow> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    try {
      while (this.#next < this.#count || this.#pending.length > 0) {
        this.#requestMore(either);
        const head = this.#pending.shift();
        if (head !== undefined) {
          yield await head.result;
          this.#free.push(head.buffer);
        }
      }
    } finally {
      stop.abort();
      await Promise.allSettled(this.#pending.map(({ result }) => result));
    }
  }

  /** Begins a request for each free buffer. */
  #requestMore(signal: AbortSignal): void {
    while (this.#next < this.#count) {
      const buffer = this.#free.pop();
      if (buffer === undefined) {
        return;
      }
      const result = this.#fetch(this.#next, buffer, signal);
      // `read` awaits it later; until then its failure must not count as unhandled.
      result.catch(() => undefined);
      this.#pending.push({ result, buffer });
      this.#next += 1;
    }
  }

  async #fetch(
    index: number,
    buffer: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<FileWindow> {
    const begin = index * this.#windowBytes;
    const sizeBytes = Math.min(this.#windowBytes, this.#file.sizeBytes - begin);
    const bytes = buffer.subarray(0, sizeBytes);
    await this.#file.readInto(bytes, begin, signal);
    return { index, bytes };
  }
}

/** One request for the whole file. Bytes before the window `first` are skipped: they are stored. */
async function* streamedWindows(
  file: RemoteFile,
  first: number,
  { windowBytes }: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWindow> {
  const buffer = new Uint8Array(windowBytes);
  let at = 0;
  for await (const chunk of file.stream(signal)) {
    for (let consumed = 0; consumed < chunk.length;) {
      const index = Math.floor(at / windowBytes);
      const filled = at - index * windowBytes;
      const part = chunk.subarray(consumed, consumed + windowBytes - filled);
      buffer.set(part, filled);
      consumed += part.length;
      at += part.length;
      const isFull = filled + part.length === windowBytes || at === file.sizeBytes;
      if (isFull && index >= first) {
        yield { index, bytes: buffer.subarray(0, filled + part.length) };
      }
    }
  }
}
