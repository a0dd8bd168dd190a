// The exports of one adapter: the formats with what each would carry. The first is written at once,
// the others when asked.
import type { SessionClient } from "../../../session/client.ts";
import type { SessionEvent } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { FormatFiles } from "./format-files.svelte.ts";
import { MergedModels } from "./merged-models.svelte.ts";

export class ExportedFiles {
  formats = $state.raw<FormatFiles[]>([]);
  isWorking = $state(false);
  error = $state.raw<PlainError | null>(null);

  /** The model with this adapter merged in. */
  readonly merged: MergedModels;

  readonly #client: SessionClient;
  #key: string | null = null;
  /** Counts what `make` and `clear` began: what ends later than another is dropped. */
  #asked = 0;

  constructor(client: SessionClient) {
    this.#client = client;
    this.merged = new MergedModels(client);
  }

  /**
   * Lists the formats anew, once the files of the first are written: the page moves once.
   * @param key of a checkpoint; null for the newest state of the run
   */
  async make(key: string | null): Promise<void> {
    this.#key = key;
    this.clear();
    this.merged.choose(key);
    const asked = this.#asked;
    this.isWorking = true;
    try {
      const offers = await this.#client.call("listExports", { key });
      const formats = offers.map((offer) => new FormatFiles(this.#client, key, offer));
      const [first] = formats;
      await (first?.offer.refusal === null && first.write(false));
      if (asked === this.#asked) {
        this.formats = formats;
      } else {
        first?.clear();
      }
    } catch (error) {
      this.error = asked === this.#asked ? toPlain(error) : this.error;
    } finally {
      this.isWorking = asked === this.#asked ? false : this.isWorking;
    }
  }

  /** After an error, or when the base model has another name. */
  async again(): Promise<void> {
    await this.make(this.#key);
  }

  showProgress(event: Extract<SessionEvent, { kind: "exportProgress" }>): void {
    this.formats.forEach((format) => {
      format.showProgress(event.requestId, event.doneBytes, event.totalBytes);
    });
    this.merged.showProgress(event.requestId, event.doneBytes, event.totalBytes);
  }

  clear(): void {
    this.formats.forEach((format) => {
      format.clear();
    });
    this.merged.clear();
    this.formats = [];
    this.error = null;
    this.isWorking = false;
    this.#asked += 1;
  }
}
