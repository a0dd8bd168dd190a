// Repairs the store and reports each action: restores entries, deletes broken payloads, keeps sound
// ones. A broken checkpoint is deleted only where its run has a sound one; what the browser failed
// to read is kept.
import { bestEffort } from "../util/best-effort.ts";
import { reach } from "./database/kill-points.ts";
import { mirrorDeletion } from "./mirror/mirror-sync.ts";
import {
  collectGarbage,
  keysWithoutUse,
  listEntries,
  readManifests,
  storedKeys,
  type Entry,
  type PayloadState,
  type PayloadStore,
} from "./database/payload-store.ts";
import { restoreManifests } from "./mirror/restore-manifests.ts";
import { newestFirst, runsAmong } from "./saved-runs.ts";
import { verifyPayloads, type Verdict, type VerifyOptions } from "./verify.ts";
import type { SavedRun } from "./database/payload-store.ts";

interface Subject {
  key: string;
  runId: string;
  step: number;
}

export type RepairAction =
  /** Its entry was damaged or gone; the mirror had a copy. */
  | ({ kind: "entry-restored" } & Subject)
  /** Broken; the run resumes from `fallsBackToStep`, its newest sound step. */
  | ({ kind: "checkpoint-removed"; state: PayloadState; fallsBackToStep: number } & Subject)
  /** Broken with no sound checkpoint in its run, or unreadable, which can be temporary. */
  | ({ kind: "checkpoint-left"; state: PayloadState } & Subject)
  /** A data set that the browser failed to read, which can be temporary. */
  | { kind: "data-left"; key: string }
  /** A broken data set: the person must choose the file again. */
  | { kind: "data-removed"; key: string; state: PayloadState }
  /** Unreadable entries, and chunks without an entry. */
  | { kind: "leftovers-removed"; entries: number; pieces: number };

/**
 * Reads every byte, so it is as slow as `verifyPayloads`.
 * @throws the signal's AbortError; the store is sound then too
 */
export function repairStore(store: PayloadStore, options: VerifyOptions): Promise<RepairAction[]> {
  return store.lock(async () => {
    const restored = await restoreManifests(store);
    const verdicts = await verifyPayloads("all", store, options);
    const leftovers = await countLeftovers(store);
    const entries = await listEntries(store);
    const runs = newestFirst(runsAmong(entries));
    const actions = verdicts.flatMap((verdict) => actionFor(verdict, runs, verdicts));
    await remove(actions, runs, store);
    return [
      ...runs
        .filter(({ id }) => restored.includes(id))
        .map((entry): RepairAction => ({ kind: "entry-restored", ...subjectOf(entry) })),
      ...actions,
      ...(leftovers.entries + leftovers.pieces > 0
        ? [{ kind: "leftovers-removed", ...leftovers } as const]
        : []),
    ];
  });
}

/** @param runs newest first */
function actionFor(
  { key, kind, state }: Verdict,
  runs: readonly SavedRun[],
  verdicts: readonly Verdict[],
): RepairAction[] {
  if (state === "sound") {
    return [];
  }
  if (kind === "data") {
    return state === "unreadable"
      ? [{ kind: "data-left", key }]
      : [{ kind: "data-removed", key, state }];
  }
  const entry = runs.find(({ id }) => id === key);
  if (entry === undefined) {
    return [];
  }
  const subject = subjectOf(entry);
  const isSound = (id: string) => verdicts.some((other) => other.key === id && isWhole(other));
  const better = runs.find(
    ({ id, manifest }) => manifest.run.runId === subject.runId && isSound(id),
  );
  return better === undefined || state === "unreadable"
    ? [{ kind: "checkpoint-left", state, ...subject }]
    : [
        {
          kind: "checkpoint-removed",
          state,
          fallsBackToStep: better.manifest.run.step,
          ...subject,
        },
      ];
}

async function remove(
  actions: readonly RepairAction[],
  runs: readonly SavedRun[],
  store: PayloadStore,
): Promise<void> {
  const removed = actions.filter(
    (action) => action.kind === "checkpoint-removed" || action.kind === "data-removed",
  );
  const keys = new Set(removed.map(({ key }) => key));
  const runIds = new Set(removed.flatMap((action) => ("runId" in action ? [action.runId] : [])));
  const kept = runs.filter(({ id }) => !keys.has(id));
  if (runIds.size > 0) {
    const mirroring = mirrorDeletion(kept, runIds, store);
    await bestEffort("the next save mirrors what is left", mirroring);
  }
  await reach?.("in-repair");
  await collectGarbage(store, (all: readonly Entry[]) => all.filter(({ id }) => keys.has(id)));
}

async function countLeftovers(store: PayloadStore): Promise<{ entries: number; pieces: number }> {
  const present = await storedKeys(store.use);
  const opened = await readManifests(present, store.use);
  const entries = opened.filter(({ manifest }) => manifest === "damaged").length;
  return { entries, pieces: keysWithoutUse(present, opened).length - entries };
}

function subjectOf({ id, manifest }: SavedRun): Subject {
  return { key: id, runId: manifest.run.runId, step: manifest.run.step };
}

function isWhole({ state }: Verdict): boolean {
  return state === "sound";
}
