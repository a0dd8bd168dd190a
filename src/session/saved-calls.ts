// Answers the page's calls about saved runs: list, sizes, repair, pins, deletion, import, export,
// and the notices of data losses.
import type { Backup } from "../checkpoint/backup.ts";
import { checkpointFileName } from "../checkpoint/file/container.ts";
import { describeDataLoss, type StoreReport } from "../checkpoint/store-report.ts";
import type { RepairAction } from "../checkpoint/repair.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { Usage } from "../checkpoint/usage.ts";
import { formatCountOf } from "../util/format.ts";
import type { AdapterFile, Calls, CheckpointSummary } from "./protocol.ts";

const exportTries = 3;

export class SavedCalls {
  readonly #store: CheckpointStore;

  constructor(store: CheckpointStore) {
    this.#store = store;
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
    return await this.#store.importCheckpoint(file, file.name);
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
    const actions = await this.#store.repair();
    const words = actions.map(repairWords);
    const found = words.length === 0 ? ["All data is intact."] : words;
    return { words: found, checkpoints: await this.list() };
  }

  async exportAll(): Promise<Calls["exportAllRuns"]["result"]> {
    const { name, blob, skippedKeys } = await this.#readAll(exportTries);
    const skipped = formatCountOf(
      skippedKeys.length,
      "damaged checkpoint or data set is",
      "damaged checkpoints or data sets are",
    );
    const words = skippedKeys.length === 0 ? [] : [`${skipped} not in the file.`];
    return { file: { name, blob }, words };
  }

  /** An active run may delete a checkpoint that is being read; the export then starts again. */
  async #readAll(tries: number): Promise<Pick<Backup, "name" | "skippedKeys"> & { blob: Blob }> {
    const { name, stream, skippedKeys } = await this.#store.exportAll();
    try {
      return { name, skippedKeys, blob: await new Response(stream as BodyInit).blob() };
    } catch (error) {
      if (tries === 1) {
        throw error;
      }
      return await this.#readAll(tries - 1);
    }
  }

  async importAll({
    file,
  }: Calls["importAllRuns"]["params"]): Promise<Calls["importAllRuns"]["result"]> {
    const { imported, alreadyHere } = await this.#store.importAll(file, file.name);
    const came = `${formatCountOf(imported.length, "checkpoint")} imported.`;
    const words = alreadyHere === 0 ? came : `${came} ${alreadyHere} already existed.`;
    return { words: [words], checkpoints: await this.list() };
  }
}

/** A sentence for each data loss that opening the store found, and one for all damage. */
export function noticesOf({ lost, damage }: Pick<StoreReport, "lost" | "damage">): string[] {
  return [
    ...lost.map(describeDataLoss),
    ...(damage.length > 0
      ? [
          `${formatCountOf(damage.length, "checkpoint or data set is", "checkpoints or data sets are")} damaged. Check the saved runs under Checkpoints.`,
        ]
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
