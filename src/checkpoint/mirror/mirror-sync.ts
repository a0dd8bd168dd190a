// Updates the mirror with the database. Entries of runs that the database has lost stay until the
// data loss was dismissed.
import { reach } from "../database/kill-points.ts";
import { encodeManifest, sizeOf } from "../database/manifest.ts";
import type { MirrorEntry } from "./mirror.ts";
import type { PayloadStore, SavedRun } from "../database/payload-store.ts";

/**
 * Records the newest checkpoint of every run, after a save. Requires the write lock.
 * @param newestFirst all checkpoints
 */
export async function mirrorRuns(
  newestFirst: readonly SavedRun[],
  { mirror }: PayloadStore,
): Promise<void> {
  await reach?.("before-mirror");
  const known = await mirror.read();
  const present = await entriesOf(newestFirst);
  const saved = new Map(present.map((entry) => [entry.runId, entry]));
  // A run that lost its newest steps stays reported until it has trained past them.
  const ids = new Set(newestFirst.map(({ id }) => id));
  const lost = known.filter(
    ({ key, runId, savedAt }) => !ids.has(key) && (saved.get(runId)?.savedAt ?? 0) < savedAt,
  );
  const lostIds = new Set(lost.map(({ runId }) => runId));
  await mirror.write([...present.filter(({ runId }) => !lostIds.has(runId)), ...lost]);
  await reach?.("after-mirror");
}

/**
 * Records what will be left of the runs, before a deletion, so that a kill cannot make it look like
 * a data loss. Requires the write lock.
 * @param kept all checkpoints that stay, newest first
 * @param runIds the runs with deleted checkpoints
 */
export async function mirrorDeletion(
  kept: readonly SavedRun[],
  runIds: ReadonlySet<string>,
  { mirror }: PayloadStore,
): Promise<void> {
  const others = (await mirror.read()).filter(({ runId }) => !runIds.has(runId));
  const left = (await entriesOf(kept)).filter(({ runId }) => runIds.has(runId));
  await mirror.write([...others, ...left]);
}

/**
 * Removes entries that the database lacks: the data loss was dismissed. Requires the write lock.
 */
export async function mirrorOnly(
  newestFirst: readonly SavedRun[],
  { mirror }: PayloadStore,
): Promise<void> {
  await mirror.write(await entriesOf(newestFirst));
}

/** The newest of each run. */
function entriesOf(newestFirst: readonly SavedRun[]): Promise<MirrorEntry[]> {
  const newest = new Map<string, SavedRun>();
  for (const entry of newestFirst) {
    const { runId } = entry.manifest.run;
    if (!newest.has(runId)) {
      newest.set(runId, entry);
    }
  }
  return Promise.all([...newest.values()].map(entryOf));
}

async function entryOf({ id, manifest }: SavedRun): Promise<MirrorEntry> {
  const { runId, modelName, dataName, step } = manifest.run;
  return {
    runId,
    modelName,
    dataName,
    key: id,
    step,
    savedAt: manifest.createdAt,
    sizeBytes: sizeOf(manifest),
    manifest: await encodeManifest(manifest),
  };
}
