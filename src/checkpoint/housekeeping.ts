// Deletes checkpoints: by retention or by request. Pins exempt a checkpoint from retention.
import { invariant } from "../util/assert.ts";
import { bestEffort } from "../util/best-effort.ts";
import { reach } from "./database/kill-points.ts";
import { mirrorDeletion, mirrorRuns } from "./mirror/mirror-sync.ts";
import {
  collectGarbage,
  putManifest,
  stateOfPayload,
  type Entry,
  type PayloadStore,
} from "./database/payload-store.ts";
import { expendableKeys } from "./retention.ts";
import { findRun, newestFirst, ofRun, runsAmong, savedRuns, summariesOf } from "./saved-runs.ts";
import type { SavedRun } from "./database/payload-store.ts";

/** Two, so that damage to the newest leaves one to resume from. */
const soundGenerations = 2;

/**
 * Deletes all checkpoints of a run but the newest `limit` (from 1), the best and the pinned. At
 * least two that were read back and verified stay.
 */
export async function thinOut(
  runId: string,
  limit: number,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<void> {
  invariant(limit >= 1, `retention keeps at least one checkpoint, not ${limit}`);
  return store.lock(async () => {
    const generations = ofRun(await savedRuns(store), runId);
    const summaries = await summariesOf(generations, store);
    const keys = new Set(expendableKeys(summaries, Math.max(limit, soundGenerations)));
    if (keys.size === 0) {
      return;
    }
    const kept = generations.filter(({ id }) => !keys.has(id));
    const expendable = generations.filter(({ id }) => keys.has(id));
    await reach?.("before-retention");
    await spareSound([...kept, ...expendable], keys, store, signal);
    await collectGarbage(store, (all) => all.filter(({ id }) => keys.has(id)));
    await reach?.("after-retention");
  });
}

/**
 * Removes from `keys` what is needed so that two sound checkpoints stay; of two saves at one step
 * only the newer counts, where it is sound. Each checkpoint is read back once in a store's life.
 */
async function spareSound(
  candidates: readonly SavedRun[],
  keys: Set<string>,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<void> {
  const soundSteps = new Set<number>();
  for (const entry of candidates) {
    const { step } = entry.manifest.run;
    if (soundSteps.size === soundGenerations) {
      return;
    }
    if (soundSteps.has(step)) {
      continue;
    }
    const isSound =
      store.verifiedIds.has(entry.id) || (await stateOfPayload(entry, store, signal)) === "sound";
    if (isSound) {
      store.verifiedIds.add(entry.id);
      keys.delete(entry.id);
      soundSteps.add(step);
    }
  }
}

/** Deletes a checkpoint, pinned or not, and its data set when no other checkpoint refers to it. */
export function deleteCheckpoint(key: string, store: PayloadStore): Promise<void> {
  return deleteWhere(({ id }) => id === key, store);
}

/**
 * Deletes every checkpoint of a run, pinned ones too, and its data set when no other run refers to
 * it.
 */
export function deleteRun(runId: string, store: PayloadStore): Promise<void> {
  return deleteWhere(({ manifest }) => manifest.run.runId === runId, store);
}

function deleteWhere(isDropped: (entry: SavedRun) => boolean, store: PayloadStore): Promise<void> {
  return store.lock(async () => {
    const saved = await savedRuns(store);
    const dropped = saved.filter(isDropped);
    const kept = saved.filter((entry) => !isDropped(entry));
    const mirroring = mirrorDeletion(kept, runIdsOf(dropped), store);
    await bestEffort("without a mirror the request is still carried out", mirroring);
    await collectGarbage(store, (all) => withTheirData(dropped, all));
  });
}

/** The dropped checkpoints, and the data sets that only they refer to. */
function withTheirData(dropped: readonly SavedRun[], all: readonly Entry[]): Entry[] {
  const ids = new Set(dropped.map(({ id }) => id));
  const needed = new Set(
    runsAmong(all)
      .filter(({ id }) => !ids.has(id))
      .map(({ manifest }) => manifest.dataSha256),
  );
  const unneeded = new Set(
    dropped.map(({ manifest }) => manifest.dataSha256).filter((sha256) => !needed.has(sha256)),
  );
  return all.filter(
    ({ id, manifest }) =>
      ids.has(id) || (manifest.kind === "data" && unneeded.has(manifest.dataSha256)),
  );
}

function runIdsOf(entries: readonly SavedRun[]): Set<string> {
  return new Set(entries.map(({ manifest }) => manifest.run.runId));
}

/**
 * Exempts a checkpoint from retention, or no longer.
 * @throws UserError "bad-checkpoint" when it is missing or damaged
 */
export function setPinned(key: string, isPinned: boolean, store: PayloadStore): Promise<void> {
  return store.lock(async () => {
    const { manifest } = await findRun(key, store);
    const pinned = { id: key, manifest: { ...manifest, isPinned } };
    await putManifest(pinned, store.use);
    const saved = await savedRuns(store);
    await bestEffort("the next save mirrors it", mirrorRuns(newestFirst(saved), store));
  });
}

/** Names a run; null gives it back the name of its model and data. */
export function renameRun(runId: string, name: string | null, store: PayloadStore): Promise<void> {
  return store.lock(async () => {
    // The newest first: its name is that of the next save.
    for (const { id, manifest } of ofRun(await savedRuns(store), runId)) {
      const { name: former, ...run } = manifest.run;
      if (former !== (name ?? undefined)) {
        const named = name === null ? run : { ...run, name };
        await putManifest({ id, manifest: { ...manifest, run: named } }, store.use);
      }
    }
    const saved = await savedRuns(store);
    await bestEffort("the next save mirrors it", mirrorRuns(newestFirst(saved), store));
  });
}
