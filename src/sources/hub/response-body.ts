// Reads a response's body chunk by chunk and turns a broken or silent connection into a fault.
import { bestEffort } from "../../util/best-effort.ts";
import { broken, type RequestContext } from "./hub-faults.ts";
import { TransientFault } from "./retry.ts";

/** A connection without a byte for this long is closed. */
const longestSilenceMs = 30_000;

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
  if (response.body === null) {
    return;
  }
  const reader = response.body.getReader();
  let [waitedMs, bytes, isTold] = [0, 0, false];
  try {
    for (;;) {
      const beganMs = performance.now(); // the reader of the chunks takes its time, too
      const { done, value } = await readBeforeTimeout(reader, context, signal);
      if (done) {
        return;
      }
      waitedMs += performance.now() - beganMs;
      bytes += value.length;
      if (waitedMs >= paceMs) {
        if (!isTold && bytes < (slowBytesPerSecond * waitedMs) / 1000) {
          isTold = true;
          onSlow();
        }
        [waitedMs, bytes] = [0, 0];
      }
      yield value;
    }
  } finally {
    // Nobody wants the rest: without this the connection stays open.
    await bestEffort("a body that fails to cancel is over too", reader.cancel());
  }
}

async function readBeforeTimeout(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  context: RequestContext,
  signal: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(broken(`The server sent no data for ${longestSilenceMs / 1000} s.`, context));
    }, longestSilenceMs);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof TransientFault
      ? cause
      : broken(`The connection broke (${String(cause)}).`, context);
  } finally {
    clearTimeout(timer);
  }
}
