// What the page asks of saved runs beside taking one up: what was lost, what they weigh, checking, keeping, all in one file.
import { tellLoss, type StoreReport } from "../checkpoint/opening.ts";
import type { RepairAction } from "../checkpoint/repair.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { Usage } from "../checkpoint/usage.ts";
import { formatCountOf } from "../util/format.ts";
import type { AdapterFile, Calls, CheckpointSummary } from "./protocol.ts";

export class SavedCalls {
  readonly #store: CheckpointStore;

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  /** The losses that the page told of are not told again. */
  async forgetLosses(): Promise<null> {
    await this.#store.forgetLosses();
    return null;
  }

  async pin({ key, isPinned }: Calls["pinCheckpoint"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.setPinned(key, isPinned);
    return await this.#store.listCheckpoints();
  }

  async usage(): Promise<Usage> {
    return await this.#store.usage();
  }

  /** Reads every stored byte, mends what can be mended, and says in sentences what was found. */
  async repair(): Promise<Calls["repairSaved"]["result"]> {
    const actions = await this.#store.repair();
    const words = actions.map(repairWords);
    const found = words.length === 0 ? ["Every byte is as it was saved."] : words;
    return { words: found, checkpoints: await this.#store.listCheckpoints() };
  }

  async exportAll(): Promise<AdapterFile> {
    const { name, stream } = await this.#store.exportAll();
    return { name, blob: await new Response(stream as BodyInit).blob() };
  }

  async importAll({ file }: Calls["importAllRuns"]["params"]): Promise<CheckpointSummary[]> {
    await this.#store.importAll(file, file.name);
    return await this.#store.listCheckpoints();
  }
}

/** What opening the store found, a sentence each. */
export function noticesOf({ lost, damage, restoredKeys }: StoreReport): string[] {
  const broken = damage.length - restoredKeys.length;
  return [
    ...lost.map(tellLoss),
    ...(broken > 0
      ? [
          `${formatCountOf(broken, "checkpoint is", "checkpoints are")} damaged. Check the saved runs under Checkpoints.`,
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
      return `Step ${action.step} is damaged, and nothing sound is left of its run.`;
    case "data-removed":
      return "A kept data set was damaged: its file has to be chosen again.";
    case "leftovers-removed":
      return `${formatCountOf(action.pieces, "piece")} that no checkpoint needs ${action.pieces === 1 ? "was" : "were"} cleared away.`;
  }
}
