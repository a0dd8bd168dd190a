// Saved runs: the list, taking one up again, importing, downloading, deleting.
import type { SessionClient } from "../../session/client.ts";
import type { CheckpointSummary, RestoredRun } from "../../session/protocol.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { downloadBlob } from "../download.ts";

export class Saved {
  list = $state.raw<CheckpointSummary[]>([]);
  /** The unfinished run found when the page opened. */
  offer = $state.raw<CheckpointSummary | null>(null);
  /** Key of the checkpoint being worked on, with what is done. */
  busy = $state.raw<{ key: string; doing: string } | null>(null);
  error = $state.raw<PlainError | null>(null);
  /** What was lost or damaged since the last visit, a sentence each. */
  notices = $state.raw<string[]>([]);
  /** Bytes of everything saved, by our own account; null until asked. */
  totalBytes = $state.raw<number | null>(null);
  /** What the last check, export or import found, a sentence each. */
  findings = $state.raw<string[]>([]);

  /** Runs, newest first, each with its checkpoints, newest first. */
  readonly runs = $derived.by(() => {
    const newestFirst = [...this.list].sort((a, b) => b.createdAt - a.createdAt || b.step - a.step);
    const ofRun = (runId: string) => newestFirst.filter((checkpoint) => checkpoint.runId === runId);
    return newestFirst
      .map(({ runId }) => ofRun(runId))
      .filter((run, i) => run[0] === newestFirst[i]);
  });

  readonly #client: SessionClient;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  open(list: CheckpointSummary[], notices: string[]): void {
    this.list = list;
    this.notices = notices;
    const newest = this.runs[0]?.[0];
    this.offer = newest !== undefined && newest.step < newest.totalSteps ? newest : null;
  }

  newestOf(runId: string): CheckpointSummary | null {
    return this.runs.find(([newest]) => newest?.runId === runId)?.[0] ?? null;
  }

  async refresh(): Promise<void> {
    this.list =
      (await this.#work("", "Loading the saved runs", () =>
        this.#client.call("listCheckpoints"),
      )) ?? this.list;
    this.offer = this.offer && this.newestOf(this.offer.runId);
  }

  /** Whether this tab has the browser's run now; if not, the reason is in `error`. */
  async takeOver(): Promise<boolean> {
    await this.#work("", "Taking over the run", () => this.#client.call("takeOver"));
    return this.error === null;
  }

  /** Null when it was refused; the reason is then in `error`. */
  async restore(checkpoint: CheckpointSummary): Promise<RestoredRun | null> {
    const restored = await this.#work(checkpoint.key, "Loading the checkpoint", () =>
      this.#client.call("restore", { key: checkpoint.key }),
    );
    if (restored !== null) {
      this.offer = null;
    }
    return restored;
  }

  async delete({ key }: CheckpointSummary): Promise<void> {
    const list = await this.#work(key, "Deleting", () =>
      this.#client.call("deleteCheckpoint", { key }),
    );
    this.list = list ?? this.list;
    if (this.offer?.key === key) {
      this.offer = null;
    }
  }

  async dismissNotices(): Promise<void> {
    this.notices = [];
    await this.#work("", "Saving", () => this.#client.call("dismissDataLosses"));
  }

  async measure(): Promise<void> {
    // Asked for after each save: where it fails, the last figure stands.
    const usage = await this.#client.call("savedUsage").catch(() => null);
    this.totalBytes = usage?.totalBytes ?? this.totalBytes;
  }

  async pin({ key, isPinned }: CheckpointSummary): Promise<void> {
    const params = { key, isPinned: !isPinned };
    const list = await this.#work(key, "Saving", () => this.#client.call("pinCheckpoint", params));
    this.list = list ?? this.list;
  }

  async check(): Promise<void> {
    const found = await this.#work("", "Verifying all data", () =>
      this.#client.call("repairSaved"),
    );
    this.findings = found?.words ?? [];
    this.list = found?.checkpoints ?? this.list;
  }

  async exportAll(): Promise<void> {
    const exported = await this.#work("", "Exporting all runs", () =>
      this.#client.call("exportAllRuns"),
    );
    this.findings = exported?.words ?? [];
    if (exported !== null) {
      downloadBlob(exported.file.blob, exported.file.name);
    }
  }

  async importAll(file: File): Promise<void> {
    const imported = await this.#work("", "Importing the runs", () =>
      this.#client.call("importAllRuns", { file }),
    );
    this.findings = imported?.words ?? [];
    this.list = imported?.checkpoints ?? this.list;
  }

  async download({ key }: CheckpointSummary): Promise<void> {
    const file = await this.#work(key, "Preparing the download", () =>
      this.#client.call("downloadCheckpoint", { key }),
    );
    if (file !== null) {
      downloadBlob(file.blob, file.name);
    }
  }

  async downloadAdapter({ key }: CheckpointSummary): Promise<void> {
    const adapter = await this.#work(key, "Writing the adapter", () =>
      this.#client.call("exportAdapter", { key }),
    );
    if (adapter !== null) {
      downloadBlob(adapter.zip.blob, adapter.zip.name);
    }
  }

  async import(file: File): Promise<void> {
    const imported = await this.#work("", "Importing the checkpoint", () =>
      this.#client.call("importCheckpoint", { file }),
    );
    if (imported !== null) {
      this.list = await this.#client.call("listCheckpoints");
    }
  }

  async #work<Result>(
    key: string,
    doing: string,
    call: () => Promise<Result>,
  ): Promise<Result | null> {
    this.busy = { key, doing };
    this.error = null;
    try {
      return await call();
    } catch (error) {
      this.error = toPlain(error);
      return null;
    } finally {
      this.busy = null;
    }
  }
}
