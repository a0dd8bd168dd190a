// The steps of a run that the database still has, and the best of them: a saved one may have been
// deleted since, here or in another tab.
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import { wait } from "../util/wait.ts";
import type { BetterCheckpoint } from "./events.ts";

type Listing = Pick<CheckpointStore, "listCheckpoints">;

/** Limit for the database's answer, so that a hung one does not keep a run from resting. */
const listTimeoutMs = 2000;

/** Whether a step is still saved; true when the database does not answer within 2 s. */
export async function isStillSaved(store: Listing, runId: string, step: number): Promise<boolean> {
  const isListed = stepsOf(store, runId).then((steps) => steps.includes(step));
  return await withTimeout(isListed, true);
}

/**
 * The newest saved step, null when there is none; `remembered` when the database does not answer
 * within 2 s.
 */
export async function newestSaved(
  store: Listing,
  runId: string,
  remembered: number | null,
): Promise<number | null> {
  const newest = stepsOf(store, runId).then((steps) =>
    steps.length > 0 ? Math.max(...steps) : null,
  );
  return await withTimeout(newest, remembered);
}

/**
 * The best of a run's checkpoints, where it is better than the last step: that one has a higher
 * held-out loss, or none. Null also when the database does not list them within 2 s.
 */
export async function betterThanLast(
  store: Listing,
  { runId, trainer: { step, log } }: Pick<RunState, "runId" | "trainer">,
): Promise<BetterCheckpoint | null> {
  const all = (await listedInTime(store)) ?? [];
  const best = all.find((checkpoint) => checkpoint.runId === runId && checkpoint.isBest);
  const last = log.at(-1)?.heldOutLoss ?? Infinity;
  if (best === undefined || best.heldOutLoss === null || best.step === step) {
    return null;
  }
  const { key, heldOutLoss } = best;
  return heldOutLoss < last ? { key, step: best.step, heldOutLoss } : null;
}

/** All checkpoints; null when the database does not list them within 2 s. */
export async function listedInTime(store: Listing): Promise<CheckpointSummary[] | null> {
  return await withTimeout<CheckpointSummary[] | null>(store.listCheckpoints(), null);
}

async function withTimeout<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  const late = wait(listTimeoutMs, new AbortController().signal).then(() => otherwise);
  return await Promise.race([answer, late]).catch(() => otherwise);
}

async function stepsOf(store: Listing, runId: string): Promise<number[]> {
  const all = await store.listCheckpoints();
  return all.flatMap((checkpoint) => (checkpoint.runId === runId ? [checkpoint.step] : []));
}
