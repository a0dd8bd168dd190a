// Saved runs that cannot be opened, and what the person chose instead.
import type { SessionClient } from "../../../session/client.ts";
import type { SavesChoice } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { downloadBlob } from "../../download.ts";
import type { SavedRuns } from "../saved.svelte.ts";
import type { AsideRuns } from "./aside.svelte.ts";

export class StoreFault {
  /** Why the saved runs cannot be opened, until the person has chosen. */
  error = $state.raw<PlainError | null>(null);
  /** Why the last choice was not carried out. */
  refusal = $state.raw<PlainError | null>(null);
  /** The choice under way. */
  pending = $state.raw<SavesChoice | null>(null);
  /** Saves are in this tab's memory, until it is closed. */
  isInMemory = $state(false);
  readonly #client: SessionClient;
  readonly #saved: SavedRuns;
  readonly #aside: AsideRuns;

  constructor(client: SessionClient, saved: SavedRuns, aside: AsideRuns) {
    this.#client = client;
    this.#saved = saved;
    this.#aside = aside;
  }

  /** Whether closing the tab loses checkpoints. */
  get wouldLose(): boolean {
    return this.isInMemory && this.#saved.list.length > 0;
  }

  /** The saved runs were opened, or a new worker has none in its memory. */
  found(error: PlainError | null): void {
    this.error = error;
    this.isInMemory = false;
  }

  async choose(choice: SavesChoice): Promise<void> {
    this.pending = choice;
    this.refusal = null;
    try {
      const { file, words, checkpoints } = await this.#client.call("chooseSaves", { choice });
      if (file !== null) {
        downloadBlob(file.blob, file.name);
      }
      this.#saved.list = checkpoints;
      this.#saved.findings = words;
      this.isInMemory = choice === "memory";
      this.error = null;
      await this.#aside.list();
    } catch (error) {
      this.refusal = toPlain(error);
    } finally {
      this.pending = null;
    }
  }
}
