// What there is to know when the page opens: the saved checkpoints, what is wrong with them, and
// what was lost.
import { mirrorRuns } from "./mirror/mirror-sync.ts";
import type { MirrorEntry } from "./mirror/mirror.ts";
import { soundEntries, type PayloadStore } from "./database/payload-store.ts";
import { restoreManifests } from "./mirror/restore-manifests.ts";
import { newestFirst, ofRun, runsAmong, summariesOf } from "./saved-runs.ts";
import type { CheckpointSummary } from "./file/summary.ts";
import { quickCheck, type Damage } from "./verify.ts";
import type { SavedRun } from "./database/payload-store.ts";

/**
 * A run whose newest checkpoint was saved for good and is not there any more, though nobody deleted
 * it.
 */
export interface LostRun {
  runId: string;
  modelName: string;
  dataName: string;
  /** The last step that was saved, and when, in milliseconds since 1970. */
  step: number;
  savedAt: number;
  sizeBytes: number;
  /** Newest step of the run that is left; null when none is. */
  remainingStep: number | null;
  /**
   * Whether the database holds no checkpoint at all: it was cleared, evicted or broken as a whole.
   */
  isDatabaseGone: boolean;
  /** Chromium's reason for having made an empty database; null when it gave none. */
  browserSays: string | null;
}

export interface StoreReport {
  /** Newest first. */
  checkpoints: CheckpointSummary[];
  /** Until they are forgotten by `dismissDataLosses`. */
  lost: LostRun[];
  damage: Damage[];
  /** Checkpoints whose damaged entry was put right just now. */
  restoredKeys: string[];
}

/**
 * Opens the store: restores what the mirror can, checks manifests and pieces, compares with the
 * mirror.
 */
export function storeReport(
  store: PayloadStore,
  dataLossMessage: () => string | null,
): Promise<StoreReport> {
  return store.lock(async () => {
    const restoredKeys = await restoreManifests(store);
    const { opened, damage } = await quickCheck(store);
    const saved = newestFirst(runsAmong(soundEntries(opened)));
    const mirrored = await store.mirror.read();
    // Runs that were saved before there was a mirror, or while it could not be written.
    await mirrorRuns(saved, store).catch(() => undefined);
    return {
      checkpoints: summariesOf(saved),
      lost: dataLossesOf(mirrored, saved, dataLossMessage()),
      damage,
      restoredKeys,
    };
  });
}

/** @param saved newest first */
function dataLossesOf(
  mirrored: readonly MirrorEntry[],
  saved: readonly SavedRun[],
  browserSays: string | null,
): LostRun[] {
  return mirrored.flatMap(({ runId, modelName, dataName, step, savedAt, sizeBytes }) => {
    const [newest] = ofRun(saved, runId);
    if (newest !== undefined && newest.manifest.createdAt >= savedAt) {
      return [];
    }
    const isDatabaseGone = saved.length === 0;
    const remainingStep = newest?.manifest.run.step ?? null;
    const facts = { runId, modelName, dataName, step, savedAt, sizeBytes };
    return [{ ...facts, remainingStep, isDatabaseGone, browserSays }];
  });
}

/** A loss as one sentence. */
export function describeDataLoss({
  modelName,
  dataName,
  step,
  remainingStep,
  isDatabaseGone,
  browserSays,
}: LostRun): string {
  const run = `the run of ${modelName} on ${dataName}`;
  const reason = browserSays === null ? "" : ` (${browserSays})`;
  if (isDatabaseGone) {
    return `The browser's database that held ${run} up to step ${step} is gone${reason}.`;
  }
  return remainingStep === null
    ? `The checkpoints of ${run}, saved up to step ${step}, are gone from the browser's storage${reason}.`
    : `The newest checkpoints of ${run} are gone from the browser's storage: it was saved up to step ${step}, and step ${remainingStep} is left${reason}.`;
}
