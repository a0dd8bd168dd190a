// A file on a hub as a ByteSource: broken ranges resume at the next byte, whole files are verified
// by their hash.
import type { ByteSource } from "../../formats/byte-source.ts";
import { invariant } from "../../util/assert.ts";
import { isContent, type ContentId } from "./content-id.ts";
import {
  broken,
  corruptDownload,
  nonsense,
  quoted,
  Unreachable,
  type RequestContext,
} from "./hub-faults.ts";
import { ask, retryPolicyOf, type HubAccess } from "./hub-request.ts";
import { chunksOf } from "./response-body.ts";
import { TransientFault } from "./retry.ts";

/** After this many bytes in one try, failures are counted from zero again. */
const progressBytes = 64 * 1024;

export class RemoteFile implements ByteSource {
  readonly name: string;
  readonly sizeBytes: number;
  readonly contentId: ContentId;
  readonly #url: URL;
  readonly #context: RequestContext;
  readonly #access: HubAccess;
  /** Where the hub redirects to: later ranges go there at once, which saves the hub a request. */
  #redirectUrl: URL | null = null;
  #mayGoDirect = true;
  #hasRanges: boolean | null = null;

  /** @param url of the file at one commit, on the hub itself */
  constructor(
    file: Pick<RemoteFile, "name" | "sizeBytes" | "contentId">,
    url: URL,
    context: RequestContext,
    access: HubAccess,
  ) {
    this.name = file.name;
    this.sizeBytes = file.sizeBytes;
    this.contentId = file.contentId;
    this.#url = url;
    this.#context = context;
    this.#access = access;
  }

  /**
   * Bytes `begin` to `end` (exclusive); the whole file is compared with its hash.
   * @throws UserError "network", "access-denied", "missing-file", "damaged-file"; the signal's
   *   AbortError
   */
  async read(
    begin: number,
    end: number,
    signal = new AbortController().signal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const isInside = 0 <= begin && begin <= end && end <= this.sizeBytes;
    invariant(isInside, `${this.name}: ${begin} to ${end}`);
    if (this.#isWhole(begin, end)) {
      return await this.#readVerified(signal);
    }
    const bytes = new Uint8Array(end - begin);
    await this.readInto(bytes, begin, signal);
    return bytes;
  }

  /**
   * Fills `target` with the bytes from `begin` on, unverified.
   * @throws UserError "network", "access-denied", "missing-file"; the signal's AbortError
   */
  async readInto(target: Uint8Array, begin: number, signal: AbortSignal): Promise<void> {
    let filled = 0;
    for await (const chunk of this.#chunks(begin, begin + target.length, signal)) {
      target.set(chunk, filled);
      filled += chunk.length;
    }
  }

  /** All bytes in order, as they arrive, unverified. Throws as `readInto` does. */
  stream(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return this.#chunks(0, this.sizeBytes, signal);
  }

  /** Whether the server sends parts of the file; requests one byte to find out. */
  async acceptsRanges(signal: AbortSignal): Promise<boolean> {
    if (this.#hasRanges === null && this.sizeBytes > 1) {
      await this.readInto(new Uint8Array(1), 0, signal);
    }
    return this.#hasRanges !== false;
  }

  /** Fetches a damaged file once more: the damage may have happened in transit. */
  async #readVerified(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    for (let tries = 0; tries < 2; tries++) {
      const bytes = new Uint8Array(this.sizeBytes);
      await this.readInto(bytes, 0, signal);
      if (await isContent(bytes, this.contentId)) {
        return bytes;
      }
    }
    throw corruptDownload(`${this.#context.model}/${this.name}`);
  }

  /** Bytes `begin` to `end`, resumed at the next byte after each transient fault. */
  async *#chunks(begin: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const retries = retryPolicyOf(this.#access);
    let at = begin;
    let tryBegin = begin;
    while (at < end) {
      try {
        for await (const chunk of this.#tryOnce(at, end, signal)) {
          at += chunk.length;
          yield chunk;
        }
      } catch (fault) {
        if (at - tryBegin >= progressBytes) {
          retries.reset();
        }
        tryBegin = at;
        await retries.waitOrThrow(fault, signal);
      }
    }
  }

  async *#tryOnce(begin: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const response = await this.#open(begin, end, signal);
    let at = this.#firstByteOf(response, begin, end);
    const isExact = at === begin && (response.status === 206 || end === this.sizeBytes);
    const onSlow = () => {
      this.#noteCrawl(response);
    };
    for await (const chunk of chunksOf(response, this.#context, signal, onSlow)) {
      const wanted = chunk.subarray(Math.max(0, begin - at), end - at);
      at += chunk.length;
      if (wanted.length > 0) {
        yield wanted;
      }
      if (at > end && isExact) {
        throw nonsense(
          `The server sent more than the ${end - begin} requested bytes.`,
          this.#context,
        );
      }
      if (at >= end && !isExact) {
        return;
      }
    }
    if (at < end) {
      throw broken(`The connection ended ${end - at} bytes too early.`, this.#context);
    }
  }

  /** One request for the bytes `begin` to `end`: to the redirect's target, else to the hub. */
  async #open(begin: number, end: number, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = this.#isWhole(begin, end)
      ? {}
      : { Range: `bytes=${begin}-${end - 1}` };
    if (this.#redirectUrl !== null) {
      try {
        return await ask(this.#redirectUrl, headers, this.#context, this.#access, signal);
      } catch (fault) {
        signal.throwIfAborted();
        // Signed addresses expire, and some servers accept pages by redirect alone: ask the hub.
        if (fault instanceof TransientFault && !(fault instanceof Unreachable)) {
          throw fault;
        }
        this.#mayGoDirect = !(fault instanceof Unreachable);
        this.#redirectUrl = null;
      }
    }
    const response = await ask(this.#url, headers, this.#context, this.#access, signal);
    this.#noteRedirect(response);
    return response;
  }

  #noteRedirect({ redirected, url }: Response): void {
    if (this.#mayGoDirect && redirected && new URL(url).origin !== this.#url.origin) {
      this.#redirectUrl = new URL(url);
    }
  }

  /** Where in the file the body of this response begins. */
  #firstByteOf(response: Response, begin: number, end: number): number {
    if (/^text\/html\b/.test(response.headers.get("Content-Type") ?? "")) {
      throw nonsense("The response is a web page, not the file.", this.#context);
    }
    if (response.status === 206) {
      this.#hasRanges = true;
      this.#checkRange(response, begin, end);
      return begin;
    }
    if (!this.#isWhole(begin, end)) {
      this.#noteWholeFiles(response);
    }
    return 0;
  }

  #noteWholeFiles(response: Response): void {
    if (this.#hasRanges !== false) {
      this.#hasRanges = false;
      const reason = `${new URL(response.url).host} sends whole files only: downloads are slower, and an interrupted one starts over.`;
      this.#access.onNotice({ kind: "slow", reason });
    }
  }

  #noteCrawl(response: Response): void {
    const host = new URL(response.url).host;
    const reason = `${host} sends less than 1 kB a second. Cancel, then try again later or on another network.`;
    this.#access.onNotice({ kind: "slow", reason });
  }

  /** Checks the header where the server exposes it to pages; the length is always checked. */
  #checkRange(response: Response, begin: number, end: number): void {
    const encoding = response.headers.get("Content-Encoding") ?? "identity";
    if (encoding !== "identity") {
      throw nonsense(
        `The server compresses parts of the file (Content-Encoding ${quoted(encoding, this.#context)}), which cannot be put together.`,
        this.#context,
      );
    }
    const header = response.headers.get("Content-Range");
    if (header !== null && header !== `bytes ${begin}-${end - 1}/${this.sizeBytes}`) {
      throw nonsense(
        `Bytes ${begin} to ${end - 1} of ${this.sizeBytes} were requested, but the server sent ${quoted(header, this.#context)}.`,
        this.#context,
      );
    }
  }

  #isWhole(begin: number, end: number): boolean {
    return begin === 0 && end === this.sizeBytes;
  }
}
