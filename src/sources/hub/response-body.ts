// Reads the body of a hub's response chunk by chunk: a broken or silent connection becomes a fault
// of the hub, and a pace that will not do is told.
import { bodyChunks, BrokenConnection } from "../connection.ts";
import { broken, type RequestContext } from "./hub-faults.ts";

/** Slower than this over half a minute, a model takes weeks, and a person should know. */
const slowBytesPerSecond = 1024;
const paceMs = 30_000;

/**
 * The body in chunks, as they arrive.
 * @param onSlow hears once of a pace below 1 kB a second
 * @throws TransientFault when the connection breaks or is silent; the signal's AbortError
 */
export async function* chunksOf(
  response: Response,
  context: RequestContext,
  signal: AbortSignal,
  onSlow: () => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const pace = new Pace(onSlow);
  try {
    let beganMs = performance.now();
    for await (const chunk of bodyChunks(response, signal)) {
      pace.add(chunk.length, performance.now() - beganMs);
      yield chunk;
      beganMs = performance.now(); // the reader of the chunks takes its time, too
    }
  } catch (cause) {
    throw cause instanceof BrokenConnection ? broken(cause.message, context) : cause;
  }
}

class Pace {
  readonly #onSlow: () => void;
  #waitedMs = 0;
  #bytes = 0;
  #isTold = false;

  constructor(onSlow: () => void) {
    this.#onSlow = onSlow;
  }

  add(sizeBytes: number, waitedMs: number): void {
    this.#waitedMs += waitedMs;
    this.#bytes += sizeBytes;
    if (this.#waitedMs < paceMs) {
      return;
    }
    if (!this.#isTold && this.#bytes < (slowBytesPerSecond * this.#waitedMs) / 1000) {
      this.#isTold = true;
      this.#onSlow();
    }
    [this.#waitedMs, this.#bytes] = [0, 0];
  }
}
