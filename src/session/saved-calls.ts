// What the page asks of saved runs beside taking one up: which there are, what was lost, what they
// weigh, checking, keeping, deleting, files out and in.
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

  /** The losses that the page told of are not told again. */
  async dismissDataLosses(): Promise<null> {
    await this.#store.dismissDataLosses();
    return null;
  }

  async pin({ key, isPinned }: Calls["pinCheckpoint"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.setPinned(key, isPinned);
    return await this.list();
  }

  async usage(): Promise<Usage> {
    return await this.#store.usage();
  }

  /** Reads every stored byte, mends what can be mended, and says in sentences what was found. */
  async repair(): Promise<Calls["repairSaved"]["result"]> {
    const actions = await this.#store.repair();
    const words = actions.map(repairWords);
    const found = words.length === 0 ? ["Every byte is as it was saved."] : words;
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

  /** A run that goes on may thin its checkpoints out under the reader, who then begins anew. */
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
    const words = alreadyHere === 0 ? came : `${came} ${alreadyHere} were here before.`;
    return { words: [words], checkpoints: await this.list() };
  }
}

/** What opening the store found, a sentence each. */
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
      return `The entry of step ${action.step} was put right.`;
    case "checkpoint-removed":
      return `Step ${action.step} was damaged and is deleted; step ${action.fallsBackToStep} is sound.`;
    case "checkpoint-left":
      return action.state === "unreadable"
        ? `Step ${action.step} cannot be read just now and is left as it is. Check again later.`
        : `Step ${action.step} is damaged, and nothing sound is left of its run.`;
    case "data-left":
      return "A kept data set cannot be read just now. Check again later; if it stays, its file has to be chosen again.";
    case "data-removed":
      return "A kept data set was damaged: its file has to be chosen again.";
    case "leftovers-removed":
      return `${formatCountOf(action.pieces, "piece")} that no checkpoint needs ${action.pieces === 1 ? "was" : "were"} cleared away.`;
  }
}
