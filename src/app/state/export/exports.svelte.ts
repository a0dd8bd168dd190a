// The exports of one adapter: the formats with what each would carry. The first is written at once,
// the others when asked.
import type { SessionClient } from "../../../session/client.ts";
import type { SessionEvent } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { FormatFiles } from "./format-files.svelte.ts";

export class ExportedFiles {
  formats = $state.raw<FormatFiles[]>([]);
  isWorking = $state(false);
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;
  #key: string | null = null;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /**
   * Lists the formats anew and writes the first.
   * @param key of a checkpoint; null for the newest state of the run
   */
  async make(key: string | null): Promise<void> {
    this.#key = key;
    this.clear();
    this.isWorking = true;
    try {
      const offers = await this.#client.call("listExports", { key });
      this.formats = offers.map((offer) => new FormatFiles(this.#client, key, offer));
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.isWorking = false;
    }
    const [first] = this.formats;
    await (first?.offer.refusal === null && first.write(false));
  }

  /** After an error, or when the base model has another name. */
  async again(): Promise<void> {
    await this.make(this.#key);
  }

  showProgress(event: Extract<SessionEvent, { kind: "exportProgress" }>): void {
    this.formats.forEach((format) => {
      format.showProgress(event.requestId, event.doneBytes, event.totalBytes);
    });
  }

  clear(): void {
    this.formats.forEach((format) => {
      format.clear();
    });
    this.formats = [];
    this.error = null;
  }
}
