// Reports the state of the store when the page opens: saved checkpoints, damage and data losses.
import { bestEffort } from "../util/best-effort.ts";
import { shownText } from "../util/shown-text.ts";
import { mirrorRuns } from "./mirror/mirror-sync.ts";
import type { MirrorEntry } from "./mirror/mirror.ts";
import { soundEntries, type PayloadStore } from "./database/payload-store.ts";
import { restoreManifests } from "./mirror/restore-manifests.ts";
import { mendTimes } from "./save-times.ts";
import { newestFirst, ofRun, runsAmong, savedRuns, summariesOf } from "./saved-runs.ts";
import type { CheckpointSummary } from "./file/summary.ts";
import { quickCheck, type Damage } from "./verify.ts";
import type { SavedRun } from "./database/payload-store.ts";

/** A run whose newest checkpoint was durable and is gone, though nobody deleted it. */
export interface LostRun {
  runId: string;
  modelName: string;
  dataName: string;
  /** The last saved step, and when it was saved, in milliseconds since 1970. */
  step: number;
  savedAt: number;
  sizeBytes: number;
  /** Newest step of the run that is left; null when none is left. */
  remainingStep: number | null;
  /** Whether the database has no checkpoint at all: it was cleared, evicted or broken. */
  isDatabaseGone: boolean;
  /** Chromium's reason for creating an empty database; null when it reported none. */
  browserSays: string | null;
}

export interface StoreReport {
  /** Newest first. */
  checkpoints: CheckpointSummary[];
  /** Data losses that `dismissDataLosses` has not dismissed. */
  lost: LostRun[];
  damage: Damage[];
  /** Checkpoints whose damaged entry was restored now. */
  restoredKeys: string[];
}

/** Restores manifests from the mirror, checks manifests and chunks, compares with the mirror. */
export function storeReport(
  store: PayloadStore,
  dataLossMessage: () => string | null,
): Promise<StoreReport> {
  return store.lock(async () => {
    const restoredKeys = await restoreManifests(store);
    await mendTimes(await savedRuns(store), store);
    const { opened, damage } = await quickCheck(store);
    const saved = newestFirst(runsAmong(soundEntries(opened)));
    const mirrored = await store.mirror.read();
    // Adds runs that were saved without a mirror.
    await bestEffort("the next save mirrors them", mirrorRuns(saved, store));
    return {
      checkpoints: await summariesOf(saved, store),
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
  const ids = new Set(saved.map(({ id }) => id));
  return mirrored.flatMap(({ key, runId, modelName, dataName, step, savedAt, sizeBytes }) => {
    const [newest] = ofRun(saved, runId);
    if (ids.has(key) || (newest !== undefined && newest.manifest.createdAt >= savedAt)) {
      return [];
    }
    const isDatabaseGone = saved.length === 0;
    const remainingStep = newest?.manifest.run.step ?? null;
    const facts = { runId, modelName, dataName, step, savedAt, sizeBytes };
    return [{ ...facts, remainingStep, isDatabaseGone, browserSays }];
  });
}

/** A data loss as one sentence for the page. */
export function describeDataLoss({
  modelName,
  dataName,
  step,
  remainingStep,
  isDatabaseGone,
  browserSays,
}: LostRun): string {
  const run = `the run of ${shownText(modelName)} on ${shownText(dataName)}`;
  const reason = browserSays === null ? "" : ` (${shownText(browserSays)})`;
  if (isDatabaseGone) {
    return `The browser's database that held ${run} up to step ${step} is gone${reason}.`;
  }
  return remainingStep === null
    ? `The checkpoints of ${run}, saved up to step ${step}, are gone from the browser's storage${reason}.`
    : `The newest checkpoints of ${run} are gone from the browser's storage: it was saved up to step ${step}, and step ${remainingStep} is left${reason}.`;
}
