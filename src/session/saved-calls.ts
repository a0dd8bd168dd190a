// Answers the page's calls about saved runs: list, sizes, repair, pins, deletion, import, export,
// and the notices of data losses.
import type { Backup } from "../checkpoint/archive/export-runs.ts";
import type { ImportedRuns } from "../checkpoint/archive/import-runs.ts";
import { checkpointFileName } from "../checkpoint/file/container.ts";
import type { RepairAction } from "../checkpoint/repair.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { Usage } from "../checkpoint/usage.ts";
import { blobOfStream } from "../util/blob-of-stream.ts";
import { formatCount, formatCountOf, shortList } from "../util/format.ts";
import { shownPath } from "../util/shown-text.ts";
import type { AdapterFile, Calls, CheckpointSummary, SessionEvent } from "./protocol.ts";

const exportTries = 3;

export class SavedCalls {
  readonly #store: CheckpointStore;
  readonly #emit: (event: SessionEvent) => void;
  /** Cancels the long work under way. */
  #abort: AbortController | null = null;

  constructor(store: CheckpointStore, emit: (event: SessionEvent) => void) {
    this.#store = store;
    this.#emit = emit;
  }

  /** Newest first. */
  async list(): Promise<CheckpointSummary[]> {
    return await this.#store.listCheckpoints();
  }

  async delete({ key }: Calls["deleteCheckpoint"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.deleteCheckpoint(key);
    return await this.list();
  }

  async download({ key }: Calls["downloadCheckpoint"]["params"]): Promise<AdapterFile> {
    const listed = (await this.list()).find((checkpoint) => checkpoint.key === key);
    const blob = await this.#store.readCheckpointBlob(key);
    return { name: checkpointFileName(listed?.step ?? 0), blob };
  }

  async import({ file }: Calls["importCheckpoint"]["params"]): Promise<CheckpointSummary> {
    return await this.#long((options) => this.#store.importCheckpoint(file, file.name, options));
  }

  /** The person has read the notices of data losses; they are not shown again. */
  async dismissDataLosses(): Promise<null> {
    await this.#store.dismissDataLosses();
    return null;
  }

  async pin({ key, isPinned }: Calls["pinCheckpoint"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.setPinned(key, isPinned);
    return await this.list();
  }

  async rename({ runId, name }: Calls["renameRun"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.renameRun(runId, name);
    return await this.list();
  }

  async usage(): Promise<Usage> {
    return await this.#store.usage();
  }

  /** Verifies every stored byte and repairs what it can; `words` has a sentence per finding. */
  async repair(): Promise<Calls["repairSaved"]["result"]> {
    const actions = await this.#long((options) => this.#store.repair(options));
    const words = actions.map(repairWords);
    const found = words.length === 0 ? ["All data is intact."] : words;
    return { words: found, checkpoints: await this.list() };
  }

  async exportAll(): Promise<Calls["exportAllRuns"]["result"]> {
    const { name, blob, skippedKeys } = await this.#long((options) =>
      this.#readAll(exportTries, options),
    );
    const skipped = formatCountOf(
      skippedKeys.length,
      "damaged checkpoint or data set is",
      "damaged checkpoints or data sets are",
    );
    const words = skippedKeys.length === 0 ? [] : [`${skipped} not in the file.`];
    return { file: { name, blob }, words };
  }

  /** An active run may delete a checkpoint that is being read; the export then starts again. */
  async #readAll(
    tries: number,
    options: LongOptions,
  ): Promise<Pick<Backup, "name" | "skippedKeys"> & { blob: Blob }> {
    const { name, stream, skippedKeys } = await this.#store.exportAll(options);
    try {
      return { name, skippedKeys, blob: await blobOfStream(stream) };
    } catch (error) {
      if (tries === 1 || options.signal.aborted) {
        throw error;
      }
      return await this.#readAll(tries - 1, options);
    }
  }

  async importAll({
    file,
  }: Calls["importAllRuns"]["params"]): Promise<Calls["importAllRuns"]["result"]> {
    return await this.#long(async (options) => {
      const before = new Set((await this.list()).map(({ key }) => key));
      try {
        const words = importWords(await this.#store.importAll(file, file.name, options));
        return { words, checkpoints: await this.list() };
      } catch (error) {
        if (!options.signal.aborted) {
          throw error;
        }
        const checkpoints = await this.list();
        const came = checkpoints.filter(({ key }) => !before.has(key)).length;
        return { words: [cancelWords(came)], checkpoints };
      }
    });
  }

  /** Cancels the check, export or import under way. */
  cancel(): null {
    this.#abort?.abort();
    return null;
  }

  /** Work that `cancel` cancels, with its progress as events, a thousand at most. */
  async #long<T>(work: (options: LongOptions) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#abort = abort;
    let told = -1;
    const progress = (doneBytes: number, totalBytes: number) => {
      const share = Math.floor((1000 * doneBytes) / Math.max(1, totalBytes));
      if (share > told) {
        told = share;
        this.#emit({ kind: "savedProgress", doneBytes, totalBytes });
      }
    };
    try {
      return await work({ signal: abort.signal, progress });
    } finally {
      this.#abort = this.#abort === abort ? null : this.#abort;
    }
  }
}

interface LongOptions {
  signal: AbortSignal;
  progress: (doneBytes: number, totalBytes: number) => void;
}

/** Entries of an archive that are told one by one. */
const maxTold = 20;

function cancelWords(came: number): string {
  return `Cancelled. ${formatCountOf(came, "checkpoint")} came before that, each whole. Import the file again for the rest.`;
}

function importWords({ imported, alreadyHere, refused, redated }: ImportedRuns): string[] {
  const came = `${formatCountOf(imported.length, "checkpoint")} imported.`;
  const more = refused.length - maxTold;
  const dated = formatCountOf(redated.length, "checkpoint is", "checkpoints are");
  const names = redated.map((file) => shownPath(file)); // of an archive from anywhere
  return [
    alreadyHere === 0 ? came : `${came} ${alreadyHere} already existed.`,
    ...refused.slice(0, maxTold).map(({ reason }) => `Not imported: ${reason}`),
    ...(more > 0 ? [`Not imported: ${formatCount(more)} more.`] : []),
    ...(redated.length > 0
      ? [`${dated} dated now, because their dates cannot be: ${shortList(names)}.`]
      : []),
  ];
}

function repairWords(action: RepairAction): string {
  switch (action.kind) {
    case "entry-restored":
      return `The entry of step ${action.step} was repaired.`;
    case "checkpoint-removed":
      return `Step ${action.step} was damaged and is deleted; step ${action.fallsBackToStep} is intact.`;
    case "checkpoint-left":
      return action.state === "unreadable"
        ? `Step ${action.step} cannot be read now and is kept. Check again later.`
        : `Step ${action.step} is damaged, and its run has no intact checkpoint.`;
    case "data-left":
      return "A saved data set cannot be read now. Check again later; if that does not help, choose its file again.";
    case "data-removed":
      return "A saved data set was damaged and is deleted: choose its file again.";
    case "leftovers-removed":
      return `${formatCountOf(action.pieces, "piece")} that no checkpoint uses ${action.pieces === 1 ? "was" : "were"} deleted.`;
  }
}
