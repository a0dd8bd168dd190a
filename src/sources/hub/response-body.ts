// Reads a response's body chunk by chunk and turns a broken or silent connection into a fault.
import { bestEffort } from "../../util/best-effort.ts";
import { broken, type RequestContext } from "./hub-faults.ts";
import { TransientFault } from "./retry.ts";

/** A connection without a byte for this long is closed. */
const longestSilenceMs = 30_000;

/**
 * The body in chunks, as they arrive.
 * @throws TransientFault when the connection breaks or is silent; the signal's AbortError
 */
export async function* chunksOf(
  response: Response,
  context: RequestContext,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (response.body === null) {
    return;
  }
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await readBeforeTimeout(reader, context, signal);
      if (done) {
        return;
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
