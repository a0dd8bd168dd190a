// A remote file in windows of equal size, in order, several on their way at once: memory is bounded
// by how many those are.
import type { RemoteFile } from "./remote-file.ts";

/** One piece of a file. `bytes` is only valid until the next one is asked for. */
export interface FileWindow {
  index: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface WindowOptions {
  readonly windowBytes: number;
  /** Requests at a time, and windows in memory. */
  readonly connections: number;
}

export function windowCount(sizeBytes: number, windowBytes: number): number {
  return Math.ceil(sizeBytes / windowBytes);
}

/**
 * The windows from `first` on. Exactly `connections` buffers are made, whatever the file's size; a
 * window is asked for when an earlier one has been taken, so one slow request holds the others back
 * rather than pile them up.
 * @throws UserError of the first request that fails; the signal's AbortError. All requests have
 * ended then.
 */
export async function* windowsOf(
  file: RemoteFile,
  first: number,
  options: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWindow> {
  if (await file.acceptsRanges(signal)) {
    yield* rangedWindows(file, first, options, signal);
  } else {
    yield* streamedWindows(file, first, options, signal);
  }
}

async function* rangedWindows(
  file: RemoteFile,
  first: number,
  { windowBytes, connections }: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWindow> {
  const count = windowCount(file.sizeBytes, windowBytes);
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const free = Array.from(
    { length: Math.min(connections, count - first) },
    () => new Uint8Array(windowBytes),
  );
  const pending: { done: Promise<FileWindow>; buffer: Uint8Array<ArrayBuffer> }[] = [];
  let next = first;

  async function fetchWindow(index: number, buffer: Uint8Array<ArrayBuffer>): Promise<FileWindow> {
    const begin = index * windowBytes;
    const bytes = buffer.subarray(0, Math.min(windowBytes, file.sizeBytes - begin));
    await file.readInto(bytes, begin, either);
    return { index, bytes };
  }

  function fillUp(): void {
    while (next < count) {
      const buffer = free.pop();
      if (buffer === undefined) {
        return;
      }
      const done = fetchWindow(next, buffer);
      // It is awaited when its turn comes; until then its failure must not count as unhandled.
      done.catch(() => undefined);
      pending.push({ done, buffer });
      next += 1;
    }
  }

  try {
    while (next < count || pending.length > 0) {
      fillUp();
      const [head] = pending.splice(0, 1);
      if (head !== undefined) {
        yield await head.done;
        free.push(head.buffer);
      }
    }
  } finally {
    stop.abort();
    await Promise.allSettled(pending.map(({ done }) => done));
  }
}

/** One request for everything. What comes ahead of `first` is stored already and is passed over. */
async function* streamedWindows(
  file: RemoteFile,
  first: number,
  { windowBytes }: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<FileWindow> {
  const buffer = new Uint8Array(windowBytes);
  let at = 0;
  for await (const chunk of file.stream(signal)) {
    for (let taken = 0; taken < chunk.length;) {
      const index = Math.floor(at / windowBytes);
      const filled = at - index * windowBytes;
      const part = chunk.subarray(taken, taken + windowBytes - filled);
      buffer.set(part, filled);
      taken += part.length;
      at += part.length;
      const isFull = filled + part.length === windowBytes || at === file.sizeBytes;
      if (isFull && index >= first) {
        yield { index, bytes: buffer.subarray(0, filled + part.length) };
      }
    }
  }
}
