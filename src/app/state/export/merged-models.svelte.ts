// The merged model of one adapter in its forms, which are listed when the visitor opens them.
import type { SessionClient } from "../../../session/client.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { MergedFiles } from "./merged-files.svelte.ts";

export class MergedModels {
  formats = $state.raw<MergedFiles[]>([]);
  isListing = $state(false);
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;
  #key: string | null = null;
  /** What is listed later than another adapter was chosen is dropped. */
  #asked = 0;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /** Another adapter. @param key of a checkpoint; null for the newest state of the run */
  choose(key: string | null): void {
    this.clear();
    this.#key = key;
  }

  /** Lists the forms, once for an adapter. */
  async list(): Promise<void> {
    if (this.isListing || this.formats.length > 0) {
      return;
    }
    const asked = this.#asked;
    this.isListing = true;
    this.error = null;
    try {
      const offers = await this.#client.call("listMerged", { key: this.#key });
      if (asked === this.#asked) {
        this.formats = offers.map((offer) => new MergedFiles(this.#client, this.#key, offer));
      }
    } catch (error) {
      this.error = asked === this.#asked ? toPlain(error) : this.error;
    } finally {
      this.isListing = asked === this.#asked ? false : this.isListing;
    }
  }

  showProgress(requestId: number, doneBytes: number, totalBytes: number): void {
    this.formats.forEach((format) => {
      format.showProgress(requestId, doneBytes, totalBytes);
    });
  }

  clear(): void {
    this.formats.forEach((format) => {
      format.close();
    });
    this.formats = [];
    this.error = null;
    this.isListing = false;
    this.#asked += 1;
  }
}
