// One wait for every server: until a response begins, and for its body's next bytes.
import { bestEffort } from "../util/best-effort.ts";

/** The wait for a response to begin. */
const responseTimeoutMs = 60_000;

/** A connection without a byte for this long is closed. */
const longestSilenceMs = 30_000;

/** A connection that broke or is silent; the message is a sentence. */
export class BrokenConnection extends Error {}

/**
 * Fetches, without cookies and past the HTTP cache: large files would evict everything else from
 * it, and it must not return a damaged response either.
 * @throws whatever `fetch` does, also after a minute without a response; the signal's AbortError
 */
export async function responseOf(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  signal.throwIfAborted();
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new Error(`no response within ${responseTimeoutMs / 1000} s`));
  }, responseTimeoutMs);
  try {
    return await fetch(url, {
      headers,
      signal: AbortSignal.any([signal, silence.signal]),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The body of a response in chunks, as they arrive.
 * @throws BrokenConnection; the signal's AbortError
 */
export async function* bodyChunks(
  { body }: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (body === null) {
    return;
  }
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readBeforeTimeout(reader, signal);
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
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = `The server sent no data for ${longestSilenceMs / 1000} s.`;
      reject(new BrokenConnection(reason));
    }, longestSilenceMs);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof BrokenConnection
      ? cause
      : new BrokenConnection(`The connection broke (${String(cause)}).`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
