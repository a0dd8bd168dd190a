// One form of the merged model: its type, its writing to the disk, and what was written.
import type { SessionClient } from "../../../session/client.ts";
import type { Calls, MergedOffer, MergedPlace, ModelType } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { formatByteRate, formatPercent, formatRemaining } from "../../../util/format.ts";
import { nextRequestId } from "./format-files.svelte.ts";

interface Writing {
  requestId: number;
  doneBytes: number;
  totalBytes: number;
  /** When the first bytes were written, and how many: before them the model was prepared. */
  since: { at: number; doneBytes: number } | null;
  isCancelled: boolean;
}

export interface WrittenModel {
  requestId: number;
  name: string;
  sizeBytes: number;
  durationMs: number;
  /** Of the copy in the page's storage; null where the visitor picked the place. */
  url: string | null;
}

export type Comparison = Calls["compareMerged"]["result"] & { type: ModelType };

export class MergedFiles {
  readonly offer: MergedOffer;
  type = $state.raw<ModelType>("F16");
  writing = $state.raw<Writing | null>(null);
  written = $state.raw<WrittenModel | null>(null);
  error = $state.raw<PlainError | null>(null);
  comparing = $state.raw<{ requestId: number; doneBytes: number; totalBytes: number } | null>(null);
  comparison = $state.raw<Comparison | null>(null);
  readonly chosen = $derived(this.#chosen());

  readonly #client: SessionClient;
  readonly #key: string | null;

  /** @param key of a checkpoint; null for the newest state of the run */
  constructor(client: SessionClient, key: string | null, offer: MergedOffer) {
    this.#client = client;
    this.#key = key;
    this.offer = offer;
    this.type = offer.types[0]?.type ?? "F16";
  }

  /** Writes the model. @param ask asks for the place, at once in the press */
  async write(ask: () => Promise<MergedPlace | null>): Promise<void> {
    this.error = null;
    const requestId = nextRequestId();
    const isCurrent = () => this.writing?.requestId === requestId;
    try {
      const place = await ask();
      if (place === null) {
        return;
      }
      this.clear();
      this.writing = { requestId, doneBytes: 0, totalBytes: 0, since: null, isCancelled: false };
      const { format } = this.offer;
      const params = { requestId, key: this.#key, format, type: this.type, place };
      const { blob, ...written } = await this.#client.call("exportMerged", params);
      if (!isCurrent()) {
        await this.#discard(requestId); // another adapter was chosen meanwhile
        return;
      }
      const url = blob && URL.createObjectURL(blob);
      this.written = { ...written, requestId, url };
    } catch (error) {
      const plain = toPlain(error);
      const isWanted = this.writing === null || isCurrent();
      this.error = isWanted && plain.code !== "aborted" ? plain : this.error;
    } finally {
      this.writing = isCurrent() ? null : this.writing;
    }
  }

  /** Calls the writing off; it is over when nothing is left of it. */
  async cancel(): Promise<void> {
    if (this.writing !== null) {
      this.writing = { ...this.writing, isCancelled: true };
      await this.#client.call("cancelExport", { requestId: this.writing.requestId });
    }
  }

  /** Measures the merged model in the chosen type beside base and adapter. */
  async compare(): Promise<void> {
    const requestId = nextRequestId();
    const { type } = this;
    const isCurrent = () => this.comparing?.requestId === requestId;
    this.error = this.comparison = null;
    this.comparing = { requestId, doneBytes: 0, totalBytes: 0 };
    try {
      const params = { requestId, key: this.#key, type };
      const compared = await this.#client.call("compareMerged", params);
      this.comparison = isCurrent() ? { ...compared, type } : this.comparison;
    } catch (error) {
      const plain = toPlain(error);
      this.error = isCurrent() && plain.code !== "aborted" ? plain : this.error;
    } finally {
      this.comparing = isCurrent() ? null : this.comparing;
    }
  }

  async cancelComparing(): Promise<void> {
    if (this.comparing !== null) {
      await this.#client.call("cancelExport", { requestId: this.comparing.requestId });
    }
  }

  choose(type: ModelType): void {
    this.type = type;
    this.error = null;
  }

  showProgress(requestId: number, doneBytes: number, totalBytes: number): void {
    if (this.comparing?.requestId === requestId) {
      this.comparing = { requestId, doneBytes, totalBytes };
    }
    if (this.writing?.requestId === requestId) {
      const since = this.writing.since ?? { at: performance.now(), doneBytes };
      this.writing = { ...this.writing, doneBytes, totalBytes, since };
    }
  }

  /** "32 %, 180 MB/s, 6 s left". */
  extentWords(): string {
    const { doneBytes = 0, totalBytes = 0, since = null, isCancelled } = this.writing ?? {};
    const elapsedMs = since === null ? 0 : performance.now() - since.at;
    const bytes = doneBytes - (since?.doneBytes ?? 0);
    if (isCancelled === true) {
      return "cancelling";
    }
    if (totalBytes === 0) {
      return "preparing";
    }
    const share = formatPercent(doneBytes / totalBytes);
    if (elapsedMs < 500 || bytes === 0) {
      return share;
    }
    const rate = bytes / elapsedMs;
    const left = formatRemaining((totalBytes - doneBytes) / rate);
    return `${share}, ${formatByteRate(1000 * rate)}, ${left}`;
  }

  /** Removes the copy in the page's storage. */
  forget(): void {
    if (this.written?.url != null) {
      URL.revokeObjectURL(this.written.url);
      void this.#discard(this.written.requestId);
    }
    this.written = null;
  }

  /** Ends all work of the form, whose adapter is no longer wanted. */
  close(): void {
    void this.cancelComparing().catch(() => null);
    this.comparing = this.comparison = null;
    this.clear();
  }

  /** Drops what was written, and cancels what is being written. */
  clear(): void {
    void this.cancel().catch(() => null);
    this.forget();
    this.writing = this.error = null;
  }

  async #discard(requestId: number): Promise<void> {
    await this.#client.call("discardMerged", { requestId }).catch(() => null);
  }

  #chosen(): MergedOffer["types"][number] | undefined {
    return this.offer.types.find(({ type }) => type === this.type);
  }
}
