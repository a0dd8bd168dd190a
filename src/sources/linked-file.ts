// Fetches one file from an address that the page's own address names, after the person agreed.
import { bestEffort } from "../util/best-effort.ts";
import { UserError } from "../util/errors.ts";
import { formatBytes } from "../util/format.ts";
import { bodyChunks, BrokenConnection, responseOf } from "./connection.ts";
import type { Progress } from "./files.ts";

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
  try {
    const response = await ask(url, signal);
    const chunks = await bodyOf(response, { url, maxBytes, progress, signal });
    return new File(chunks, nameOf(url));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof UserError) {
      throw cause;
    }
    throw fault(
      url,
      cause instanceof BrokenConnection
        ? cause.message
        : `It cannot be fetched (${cause instanceof Error ? cause.message : String(cause)}).`,
      "Check the address. Its server has to allow other pages (CORS), and not to redirect to another.",
    );
  }
}

interface Reading {
  url: URL;
  maxBytes: number;
  progress: Progress;
  signal: AbortSignal;
}

async function bodyOf(
  response: Response,
  { url, maxBytes, progress, signal }: Reading,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const announced = Number(response.headers.get("Content-Length")) || null;
  if (announced !== null && announced > maxBytes) {
    await bestEffort("its size is the error to report", response.body?.cancel());
    throw tooLarge(url, maxBytes);
  }
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let doneBytes = 0;
  for await (const chunk of bodyChunks(response, signal)) {
    doneBytes += chunk.length;
    if (doneBytes > maxBytes) {
      throw tooLarge(url, maxBytes);
    }
    chunks.push(chunk);
    // Content-Length is that of the compressed body, where it is compressed.
    progress(doneBytes, announced !== null && announced >= doneBytes ? announced : null);
  }
  return chunks;
}

async function ask(url: URL, signal: AbortSignal): Promise<Response> {
  const response = await responseOf(url, {}, signal);
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

function tooLarge(url: URL, maxBytes: number): UserError {
  const limit = formatBytes(maxBytes);
  return fault(url, `The file has more than ${limit}.`, "Download it, and choose it here.");
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
