// Checkpoints among the stored payloads: written as the newest, listed, found again, and thinned out.
import { invariant } from "../util/assert.ts";
import { UserError } from "../util/errors.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";
import { checkpointFileName, decodeCheckpoint } from "./container.ts";
import { collectUnused } from "./data-files.ts";
import { sizeOf, type CheckpointManifest } from "./manifest.ts";
import {
  collectGarbage,
  findManifest,
  listEntries,
  readPayload,
  writePayload,
  type Entry,
  type PayloadStore,
} from "./payload-store.ts";
import { bestKey, expendableKeys } from "./retention.ts";
import type { RunState } from "./run-state.ts";
import { summarize, type CheckpointSummary } from "./summary.ts";

type SavedRun = Entry<CheckpointManifest>;

export interface LoadedRun {
  key: string;
  run: RunState;
  /** Newer checkpoints of the run that were passed over because they are damaged. */
  damagedKeys: string[];
}

/** Stores the file of a run as the newest checkpoint, then collects garbage. */
export function writeRun(
  file: Uint8Array | Blob,
  run: RunState,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<CheckpointSummary> {
  const facts = { kind: "checkpoint", dataSha256: run.data.sha256, run: summarize(run) } as const;
  return store.lock(async () => {
    const older = await savedRuns(store);
    // Later than all others even when the clock was set back.
    const createdAt = Math.max(Date.now(), (older[0]?.manifest.createdAt ?? 0) + 1);
    const saved = await writePayload(
      file,
      (chunks): CheckpointManifest => ({ ...facts, createdAt, chunks }),
      store,
      signal,
    );
    // The save is done; what cannot be collected now is collected after the next one.
    await collectUnused(store).catch(() => undefined);
    return summaryOf(saved, [saved, ...older]);
  });
}

/** Newest first. */
export async function listRuns(store: PayloadStore): Promise<CheckpointSummary[]> {
  const entries = await savedRuns(store);
  return entries.map((entry) => summaryOf(entry, entries));
}

/** @throws UserError "bad-checkpoint" when it is not there or damaged */
export async function readRunFile(
  key: string,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<Blob> {
  return readPayload(await findRun(key, store), store, signal);
}

/** @throws UserError "bad-checkpoint" when it is not there or damaged */
export async function readRun(
  key: string,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<RunState> {
  const entry = await findRun(key, store);
  const file = await readPayload(entry, store, signal);
  return decodeCheckpoint(file, checkpointFileName(entry.manifest.run.step), signal);
}

/**
 * The newest checkpoint of a run that verifies; null when the run has none.
 * @throws UserError "bad-checkpoint" when it has some and every one is damaged
 */
export async function readNewestValid(
  runId: string,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<LoadedRun | null> {
  const generations = ofRun(await savedRuns(store), runId);
  const damagedKeys: string[] = [];
  let newestFault: UserError | undefined;
  for (const { id } of generations) {
    try {
      return { key: id, run: await readRun(id, store, signal), damagedKeys };
    } catch (error) {
      if (!(error instanceof UserError)) {
        throw error;
      }
      newestFault ??= error;
      damagedKeys.push(id);
    }
  }
  if (newestFault === undefined) {
    return null;
  }
  throw badCheckpoint(
    `None of the ${generations.length} checkpoints of this run can be read. The newest: ${newestFault.message}`,
    "Saved checkpoints",
    newestFault,
  );
}

/** Deletes a checkpoint, and with it its data set when no other checkpoint refers to it. */
export function deleteRun(key: string, store: PayloadStore): Promise<void> {
  return store.lock(() =>
    collectGarbage(store, (all) => {
      const data = all.find(({ id }) => id === key)?.manifest.dataSha256;
      const others = all.filter(({ id }) => id !== key);
      const isShared = others.some(
        ({ manifest }) => manifest.kind === "checkpoint" && manifest.dataSha256 === data,
      );
      return all.filter(
        ({ id, manifest }) => id === key || (!isShared && manifest.dataSha256 === data),
      );
    }),
  );
}

/** Deletes all of a run but the newest `limit` (from 1) and the best. */
export async function thinOut(runId: string, limit: number, store: PayloadStore): Promise<void> {
  invariant(limit >= 1, `retention keeps at least one checkpoint, not ${limit}`);
  return store.lock(async () => {
    const entries = await savedRuns(store);
    const summaries = ofRun(entries, runId).map((entry) => summaryOf(entry, entries));
    const expendable = new Set(expendableKeys(summaries, limit));
    await collectGarbage(store, (all) => all.filter(({ id }) => expendable.has(id)));
  });
}

async function savedRuns(store: PayloadStore): Promise<SavedRun[]> {
  const entries = await listEntries(store);
  return entries
    .filter((entry): entry is SavedRun => entry.manifest.kind === "checkpoint")
    .sort((a, b) => b.manifest.createdAt - a.manifest.createdAt);
}

function ofRun(entries: readonly SavedRun[], runId: string): SavedRun[] {
  return entries.filter(({ manifest }) => manifest.run.runId === runId);
}

async function findRun(key: string, store: PayloadStore): Promise<SavedRun> {
  const manifest = await findManifest(key, store);
  if (manifest === "foreign") {
    throw badCheckpoint("It was made by a newer Anneal: reload the page.", "Saved checkpoint");
  }
  if (manifest === "damaged") {
    throw badCheckpoint("Its entry in the browser's storage is damaged.", "Saved checkpoint");
  }
  if (manifest === "missing" || manifest.kind !== "checkpoint") {
    throw badCheckpoint("It is not in the browser's storage any more.", "Saved checkpoint");
  }
  return { id: key, manifest };
}

function summaryOf(entry: SavedRun, newestFirst: readonly SavedRun[]): CheckpointSummary {
  const { run, createdAt } = entry.manifest;
  const generations = ofRun(newestFirst, run.runId).map(({ id, manifest }) => ({
    key: id,
    ...manifest.run,
  }));
  return {
    ...run,
    key: entry.id,
    createdAt,
    sizeBytes: sizeOf(entry.manifest),
    isBest: bestKey(generations) === entry.id,
  };
}
