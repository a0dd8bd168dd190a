// A file on a hub as a ByteSource: ranges that go on where a connection broke, whole files verified
// by hash.
import type { ByteSource } from "../../formats/byte-source.ts";
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import { isContent, type ContentId } from "./content-id.ts";
import { broken, nonsense, Unreachable, type RequestContext } from "./hub-faults.ts";
import { ask, retryPolicyOf, type HubAccess } from "./hub-request.ts";
import { TransientFault } from "./retry.ts";

export interface RemoteFile extends ByteSource {
  readonly contentId: ContentId;
  /**
   * Fills `target` with the bytes from `begin` on.
   * @throws UserError "network", "access-denied", "missing-file"; the signal's AbortError
   */
  readInto(target: Uint8Array, begin: number, signal: AbortSignal): Promise<void>;
  /** All bytes in order, as they come. */
  stream(signal: AbortSignal): AsyncGenerator<Uint8Array>;
  /** Whether the server sends parts of the file; asks it unless that is known. */
  acceptsRanges(signal: AbortSignal): Promise<boolean>;
}

/** A connection without a byte for this long is given up. */
const longestSilenceMs = 30_000;

/** So much in one go and failures are counted from none again. */
const renewingBytes = 64 * 1024;

/** @param url of the file at one commit, on the hub itself */
export function remoteFile(
  { name, sizeBytes, contentId }: { name: string; sizeBytes: number; contentId: ContentId },
  url: URL,
  context: RequestContext,
  access: HubAccess,
): RemoteFile {
  /** Where the hub sent us: later ranges go there at once, which spares the hub a request each. */
  let direct: URL | null = null;
  let mayGoDirect = true;
  let takesRanges: boolean | null = null;

  /** One try for the bytes `begin` to `end`: at the place the hub sent us to, else at the hub. */
  async function open(begin: number, end: number, signal: AbortSignal): Promise<Response> {
    const isWhole = begin === 0 && end === sizeBytes;
    const headers: Record<string, string> = isWhole ? {} : { Range: `bytes=${begin}-${end - 1}` };
    if (direct !== null) {
      try {
        return await ask(direct, headers, context, access, signal);
      } catch (fault) {
        signal.throwIfAborted();
        // Signed addresses expire, and pages may be let through to a place by redirect alone: the
        // hub knows the way.
        if (fault instanceof TransientFault && !(fault instanceof Unreachable)) {
          throw fault;
        }
        mayGoDirect = !(fault instanceof Unreachable);
        direct = null;
      }
    }
    const response = await ask(url, headers, context, access, signal);
    if (mayGoDirect && response.redirected && new URL(response.url).origin !== url.origin) {
      direct = new URL(response.url);
    }
    return response;
  }

  /** Where this answer's body begins in the file. */
  function firstByteOf(response: Response, begin: number, end: number): number {
    if (/^text\/html\b/.test(response.headers.get("Content-Type") ?? "")) {
      throw nonsense("The answer is a web page, not the file.", context);
    }
    if (response.status === 206) {
      takesRanges = true;
      checkRange(response, begin, end);
      return begin;
    }
    if (begin > 0 || end < sizeBytes) {
      tellSlow(response);
    }
    return 0;
  }

  function tellSlow(response: Response): void {
    if (takesRanges !== false) {
      takesRanges = false;
      const reason = `${new URL(response.url).host} sends files only as a whole: this takes longer, and an interrupted download starts over.`;
      access.onNotice({ kind: "slow", reason });
    }
  }

  /**
   * The header is hidden from pages where the server does not expose it; the length is checked all
   * the same.
   */
  function checkRange(response: Response, begin: number, end: number): void {
    const header = response.headers.get("Content-Range");
    if (header !== null && header !== `bytes ${begin}-${end - 1}/${sizeBytes}`) {
      throw nonsense(
        `Bytes ${begin} to ${end - 1} of ${sizeBytes} were asked for, but ${JSON.stringify(header.slice(0, 80))} came.`,
        context,
      );
    }
  }

  async function* oneTry(
    begin: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const response = await open(begin, end, signal);
    let at = firstByteOf(response, begin, end);
    const isExact = at === begin && (response.status === 206 || end === sizeBytes);
    for await (const chunk of chunksOf(response, context, signal)) {
      const wanted = chunk.subarray(Math.max(0, begin - at), end - at);
      at += chunk.length;
      if (wanted.length > 0) {
        yield wanted;
      }
      if (at > end && isExact) {
        throw nonsense(`More came than the ${end - begin} bytes that were asked for.`, context);
      }
      if (at >= end && !isExact) {
        return;
      }
    }
    if (at < end) {
      throw broken(`The connection ended ${end - at} bytes too early.`, context);
    }
  }

  /** Bytes `begin` to `end`, going on at the next byte after each fault that may pass. */
  async function* chunks(
    begin: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const retries = retryPolicyOf(access);
    let at = begin;
    let since = begin;
    while (at < end) {
      try {
        for await (const chunk of oneTry(at, end, signal)) {
          at += chunk.length;
          yield chunk;
        }
      } catch (fault) {
        if (at - since >= renewingBytes) {
          retries.reset();
        }
        since = at;
        await retries.waitOrThrow(fault, signal);
      }
    }
  }

  async function readInto(target: Uint8Array, begin: number, signal: AbortSignal): Promise<void> {
    let at = 0;
    for await (const chunk of chunks(begin, begin + target.length, signal)) {
      target.set(chunk, at);
      at += chunk.length;
    }
  }

  async function fetchWhole(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(sizeBytes);
    await readInto(bytes, 0, signal);
    return bytes;
  }

  /** Fetched once more when it is damaged: what changed it may have been on the way. */
  async function readWhole(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const first = await fetchWhole(signal);
    if (await isContent(first, contentId)) {
      return first;
    }
    const second = await fetchWhole(signal);
    if (await isContent(second, contentId)) {
      return second;
    }
    throw damagedOnTheWay(`${context.model}/${name}`);
  }

  return {
    name,
    sizeBytes,
    contentId,
    readInto,
    stream: (signal) => chunks(0, sizeBytes, signal),
    async read(begin, end, signal = new AbortController().signal) {
      invariant(0 <= begin && begin <= end && end <= sizeBytes, `${name}: ${begin} to ${end}`);
      if (begin === 0 && end === sizeBytes) {
        return await readWhole(signal);
      }
      const bytes = new Uint8Array(end - begin);
      await readInto(bytes, begin, signal);
      return bytes;
    },
    async acceptsRanges(signal) {
      if (takesRanges === null && sizeBytes > 1) {
        await readInto(new Uint8Array(1), 0, signal);
      }
      return takesRanges !== false;
    },
  };
}

/** Bytes came twice that are not those the hub has on record. */
export function damagedOnTheWay(where: string): UserError {
  return new UserError(
    "damaged-file",
    "What came differs from what the hub has on record, twice.",
    {
      where,
      remedy:
        "Something on the way changes or damages files: try again later, or on another network.",
    },
  );
}

/** The body piece by piece. A broken or silent connection is a TransientFault. */
async function* chunksOf(
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
      const { done, value } = await readInTime(reader, context, signal);
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    // Whatever is left is not wanted: without this the connection stays open.
    await reader.cancel().catch(() => undefined);
  }
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  context: RequestContext,
  signal: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(broken(`No byte came for ${longestSilenceMs / 1000} s.`, context));
    }, longestSilenceMs);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof TransientFault
      ? cause
      : broken(`The connection ended on the way (${String(cause)}).`, context);
  } finally {
    clearTimeout(timer);
  }
}
