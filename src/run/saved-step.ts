// Which steps of a run the database has: what was saved may have been deleted since, here or in
// another tab.
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import { wait } from "../util/wait.ts";

type Listing = Pick<CheckpointStore, "listCheckpoints">;

/** How long a run that comes to stand waits for the database to say what is saved. */
const lookMs = 2000;

/** Whether a step is still there; so it counts when the database does not say in time. */
export async function isStillSaved(store: Listing, runId: string, step: number): Promise<boolean> {
  const isListed = stepsOf(store, runId).then((steps) => steps.includes(step));
  return await inTime(isListed, true);
}

/**
 * The newest step that is saved, null when none is; `remembered` when the database does not say in
 * time.
 */
export async function newestSaved(
  store: Listing,
  runId: string,
  remembered: number | null,
): Promise<number | null> {
  const newest = stepsOf(store, runId).then((steps) =>
    steps.length > 0 ? Math.max(...steps) : null,
  );
  return await inTime(newest, remembered);
}

/** All checkpoints, null when the database does not list them in time. */
export async function listedInTime(store: Listing): Promise<CheckpointSummary[] | null> {
  return await inTime<CheckpointSummary[] | null>(store.listCheckpoints(), null);
}

async function inTime<T>(look: Promise<T>, otherwise: T): Promise<T> {
  const late = wait(lookMs, new AbortController().signal).then(() => otherwise);
  return await Promise.race([look, late]).catch(() => otherwise);
}

async function stepsOf(store: Listing, runId: string): Promise<number[]> {
  const all = await store.listCheckpoints();
  return all.flatMap((checkpoint) => (checkpoint.runId === runId ? [checkpoint.step] : []));
}
