// Fetches one file from an address that the page's own address names, after the person agreed.
import { bestEffort } from "../util/best-effort.ts";
import { UserError } from "../util/errors.ts";
import { formatBytes } from "../util/format.ts";
import type { Progress } from "./files.ts";

/** A connection without a byte for this long is closed. */
const longestSilenceMs = 60_000;

/**
 * The file behind the address, under the last part of its path.
 * @param maxBytes of the body; more is refused before it fills the memory
 * @throws UserError "network"; the signal's AbortError
 */
export async function fetchLinked(
  address: string,
  maxBytes: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<File> {
  const url = new URL(address);
  const silence = new Silence(signal);
  try {
    const response = await ask(url, silence.signal);
    const chunks = await bodyOf(response, { url, maxBytes, progress, silence });
    return new File(chunks, nameOf(url));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof UserError) {
      throw cause;
    }
    throw fault(
      url,
      silence.signal.aborted
        ? `The server sent nothing for ${longestSilenceMs / 1000} s.`
        : `It cannot be fetched (${cause instanceof Error ? cause.message : String(cause)}).`,
      "Check the address. Its server has to allow other pages (CORS), and not to redirect to another.",
    );
  } finally {
    silence.end();
  }
}

interface Reading {
  url: URL;
  maxBytes: number;
  progress: Progress;
  silence: Silence;
}

async function bodyOf(
  response: Response,
  { url, maxBytes, progress, silence }: Reading,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const announced = Number(response.headers.get("Content-Length")) || null;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const reader = response.body?.getReader();
  let doneBytes = 0;
  try {
    refuseLarger(announced ?? 0, maxBytes, url);
    for (;;) {
      silence.heard();
      const { value } = (await reader?.read()) ?? {};
      if (value === undefined) {
        return chunks;
      }
      doneBytes += value.length;
      refuseLarger(doneBytes, maxBytes, url);
      chunks.push(value);
      // Content-Length is that of the compressed body, where it is compressed.
      progress(doneBytes, announced !== null && announced >= doneBytes ? announced : null);
    }
  } finally {
    await bestEffort("a body that fails to cancel is over too", reader?.cancel());
  }
}

async function ask(url: URL, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, {
    signal,
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) {
    await bestEffort("its status is the error to report", response.body?.cancel());
    throw fault(url, `The server answered ${response.status}.`, "Check the address.");
  }
  if (response.headers.get("Content-Type")?.startsWith("text/html") === true) {
    await bestEffort("its kind is the error to report", response.body?.cancel());
    const remedy = "Give the address of the file itself, such as a raw or resolve address.";
    throw fault(url, "The server sent a web page, not a file.", remedy);
  }
  return response;
}

/** Aborts where nothing is heard for a minute. */
class Silence {
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.#abort.signal]);
    this.heard();
  }

  heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#abort.abort();
    }, longestSilenceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function refuseLarger(sizeBytes: number, maxBytes: number, url: URL): void {
  if (sizeBytes > maxBytes) {
    const limit = formatBytes(maxBytes);
    throw fault(url, `The file has more than ${limit}.`, "Download it, and choose it here.");
  }
}

/** What no file name has, and what would hide or turn round a part of it, stays encoded. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\]/gu;

/** The last part of the path. */
function nameOf({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  const name = decoded(last).replace(unseen, encodeURIComponent).slice(-120);
  return name === "" ? "linked" : name;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function fault(url: URL, message: string, remedy: string): UserError {
  return new UserError("network", message, {
    where: (url.origin + url.pathname).slice(0, 300),
    remedy,
  });
}
