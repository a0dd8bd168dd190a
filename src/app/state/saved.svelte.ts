// Saved runs: lists, restores, imports, downloads, pins and deletes their checkpoints.
import type { SessionClient } from "../../session/client.ts";
import type { CheckpointSummary, RestoredRun } from "../../session/protocol.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { downloadBlob } from "../download.ts";
import { nextRequestId } from "./export/format-files.svelte.ts";

export class SavedRuns {
  list = $state.raw<CheckpointSummary[]>([]);
  /** Runs and their buttons are in sight; in a frame after a press. */
  isShown = $state(true);
  /** The incomplete run found when the page opened. */
  offer = $state.raw<CheckpointSummary | null>(null);
  /** The work in progress and the key of its checkpoint; an empty key for work on all runs. */
  busy = $state.raw<{ key: string; doing: string } | null>(null);
  /** Bytes done of a check, an export or an import; null for other work. */
  progress = $state.raw<{ doneBytes: number; totalBytes: number } | null>(null);
  error = $state.raw<PlainError | null>(null);
  /** Data losses and damage since the last visit, one sentence each. */
  notices = $state.raw<string[]>([]);
  /** Bytes of all saved runs and data sets; null until measured. */
  totalBytes = $state.raw<number | null>(null);
  /** Results of the last check, export or import, one sentence each. */
  findings = $state.raw<string[]>([]);

  /** Runs, newest first, each with its checkpoints, newest first. */
  readonly runs = $derived.by(() => {
    const newestFirst = [...this.list].sort((a, b) => b.createdAt - a.createdAt || b.step - a.step);
    const ids = newestFirst.map(({ runId }) => runId).filter((id, i, all) => all.indexOf(id) === i);
    return ids.map((id) => newestFirst.filter(({ runId }) => runId === id));
  });

  readonly #client: SessionClient;

  constructor(client: SessionClient, isShown: boolean) {
    this.#client = client;
    this.isShown = isShown;
  }

  open(list: CheckpointSummary[], notices: string[]): void {
    this.list = list;
    this.notices = notices;
    const newest = this.runs[0]?.[0];
    this.offer = newest?.isOver === false ? newest : null;
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

  /** @returns whether this tab now owns the run; if not, `error` has the reason */
  async takeOver(): Promise<boolean> {
    await this.#work("", "Taking over the run", () => this.#client.call("takeOver"));
    return this.error === null;
  }

  /** @returns null when it was refused; `error` then has the reason */
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
    // Called after each save: when it fails, the last figure stays.
    const usage = await this.#client.call("savedUsage").catch(() => null);
    this.totalBytes = usage?.totalBytes ?? this.totalBytes;
  }

  /** Pins a checkpoint, or unpins a pinned one. */
  async togglePin({ key, isPinned }: CheckpointSummary): Promise<void> {
    const params = { key, isPinned: !isPinned };
    const list = await this.#work(key, "Saving", () => this.#client.call("pinCheckpoint", params));
    this.list = list ?? this.list;
  }

  /** Names a run; an empty name gives it back that of its model and data. */
  async rename(runId: string, name: string): Promise<void> {
    const params = { runId, name: name.trim() || null };
    const list = await this.#work("", "Saving", () => this.#client.call("renameRun", params));
    this.list = list ?? this.list;
  }

  /** Verifies and repairs all saved data. */
  async verify(): Promise<void> {
    const found = await this.#work("", "Verifying all data", () =>
      this.#client.call("repairSaved"),
    );
    this.findings = found?.words ?? this.#ending();
    this.list = found?.checkpoints ?? this.list;
  }

  /** Cancels the check, the export or the import under way. */
  async cancel(): Promise<void> {
    await this.#client.call("cancelSaved");
  }

  async exportAll(): Promise<void> {
    const exported = await this.#work("", "Exporting all runs", () =>
      this.#client.call("exportAllRuns"),
    );
    this.findings = exported?.words ?? this.#ending();
    if (exported !== null) {
      downloadBlob(exported.file.blob, exported.file.name);
    }
  }

  async importAll(file: File): Promise<void> {
    const imported = await this.#work("", "Importing the runs", () =>
      this.#client.call("importAllRuns", { file }),
    );
    this.findings = imported?.words ?? [];
    if (imported !== null) {
      this.list = imported.checkpoints;
    } else {
      await this.#relist(); // what came before the error stays
    }
  }

  async download({ key }: CheckpointSummary): Promise<void> {
    const file = await this.#work(key, "Preparing the download", () =>
      this.#client.call("downloadCheckpoint", { key }),
    );
    if (file !== null) {
      downloadBlob(file.blob, file.name);
    }
  }

  /** Downloads the adapter of a checkpoint as a PEFT folder. */
  async downloadAdapter({ key }: CheckpointSummary): Promise<void> {
    const params = { requestId: nextRequestId(), key, format: "peft", valueType: "F32" } as const;
    const exported = await this.#work(key, "Writing the adapter", () =>
      this.#client.call("exportAdapter", params),
    );
    if (exported !== null) {
      downloadBlob(exported.zip.blob, exported.zip.name);
    }
  }

  async import(file: File): Promise<void> {
    const imported = await this.#work("", "Importing the checkpoint", () =>
      this.#client.call("importCheckpoint", { file }),
    );
    this.findings = imported === null ? this.#ending() : [];
    if (imported !== null) {
      await this.#relist();
    }
  }

  async #relist(): Promise<void> {
    this.list = await this.#client.call("listCheckpoints").catch(() => this.list);
  }

  /** What the person cancelled is no error. */
  #ending(): string[] {
    if (this.error?.code !== "aborted") {
      return [];
    }
    this.error = null;
    return ["Cancelled. Nothing was changed, and no file was written."];
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
      this.progress = null;
    }
  }
}
