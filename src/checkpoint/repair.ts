// Puts the store in order and says what was done: entries are restored, what is broken is taken
// away, and what is good stays. A broken checkpoint is deleted only where its run has a sound one;
// what the browser failed to read is left.
import { payloadOfChunk } from "./database/chunks.ts";
import { hasKillPoints, reach } from "./database/kill-points.ts";
import { mirrorDeletion } from "./mirror/mirror-sync.ts";
import {
  collectGarbage,
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
  /** Its entry was damaged or gone; the record outside of the database had a copy. */
  | ({ kind: "entry-restored" } & Subject)
  /** Broken; the run goes back to `fallsBackToStep`, its newest sound step. */
  | ({ kind: "checkpoint-removed"; state: PayloadState; fallsBackToStep: number } & Subject)
  /** Broken or unreadable, but nothing better is there, or it may pass. */
  | ({ kind: "checkpoint-left"; state: PayloadState } & Subject)
  /** A data set that the browser cannot read just now. */
  | { kind: "data-left"; key: string }
  /** A data set: its file has to be chosen again. */
  | { kind: "data-removed"; key: string; state: PayloadState }
  /** Entries that cannot be read and pieces that belong to nothing. */
  | { kind: "leftovers-removed"; entries: number; pieces: number };

/**
 * Reads every byte, so it takes as long as `verifyPayloads`.
 * @throws the signal's AbortError; what was done until then is sound
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
    await mirrorDeletion(kept, runIds, store).catch(() => undefined);
  }
  if (hasKillPoints) {
    await reach("in-repair");
  }
  await collectGarbage(store, (all: readonly Entry[]) => all.filter(({ id }) => keys.has(id)));
}

async function countLeftovers(store: PayloadStore): Promise<{ entries: number; pieces: number }> {
  const present = await storedKeys(store.use);
  const opened = await readManifests(present, store.use);
  const damaged = opened.filter(({ manifest }) => manifest === "damaged");
  const owners = new Set(opened.map(({ id }) => id));
  damaged.forEach(({ id }) => owners.delete(id));
  const pieces = present.filter((key) => {
    const owner = payloadOfChunk(key);
    return owner !== null && !owners.has(owner);
  });
  return { entries: damaged.length, pieces: pieces.length };
}

function subjectOf({ id, manifest }: SavedRun): Subject {
  return { key: id, runId: manifest.run.runId, step: manifest.run.step };
}

function isWhole({ state }: Verdict): boolean {
  return state === "sound";
}
