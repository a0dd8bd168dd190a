// Writes, lists and reads the checkpoints among the stored payloads.
import type { ByteSource } from "../formats/byte-source.ts";
import { bestEffort } from "../util/best-effort.ts";
import { UserError } from "../util/errors.ts";
import { badCheckpoint } from "./file/bad-checkpoint.ts";
import { checkpointFileName, decodeCheckpoint, type CheckpointFile } from "./file/container.ts";
import { collectUnused } from "./data-files.ts";
import type { PieceCopy } from "./database/chunks.ts";
import { reach } from "./database/kill-points.ts";
import { sizeOf, type CheckpointManifest } from "./database/manifest.ts";
import { mirrorRuns } from "./mirror/mirror-sync.ts";
import {
  findManifest,
  listEntries,
  readPayload,
  writePayload,
  type Entry,
  type PayloadStore,
} from "./database/payload-store.ts";
import { restoreManifests } from "./mirror/restore-manifests.ts";
import { bestKey } from "./retention.ts";
import { timeOfNext } from "./save-times.ts";
import { startLosses } from "./start-losses.ts";
import type { RunState } from "./file/run-state.ts";
import { DatabaseFault } from "./database/database-fault.ts";
import { summarize, type CheckpointSummary } from "./file/summary.ts";
import type { SavedRun } from "./database/payload-store.ts";

export interface LoadedRun {
  key: string;
  run: RunState;
  /** Newer checkpoints of the run that were skipped because they are damaged. */
  damagedKeys: string[];
}

/**
 * Stores the file of a run as its newest checkpoint, then collects garbage. A file that was not
 * made here has no pieces: it is stored as it is.
 */
export function writeRun(
  file: ByteSource & Partial<CheckpointFile>,
  run: RunState,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<CheckpointSummary> {
  const facts = { kind: "checkpoint", dataSha256: run.data.sha256 } as const;
  return store.lock(async () => {
    await restoreManifests(store);
    const older = await savedRuns(store);
    const createdAt = await timeOfNext(older, store);
    const name = ofRun(older, run.runId)[0]?.manifest.run.name;
    const summary = { ...summarize(run), ...(name === undefined ? {} : { name }) };
    const pieces = { ranges: file.logPieces ?? [], copy: nextCopy(ofRun(older, run.runId), run) };
    const saved = await writePayload(
      { ...file, pieces },
      (chunks): CheckpointManifest => {
        // An error undoes the save.
        file.checkUnchanged?.();
        return { ...facts, run: summary, createdAt, isPinned: false, chunks };
      },
      store,
      signal,
    );
    const all = newestFirst([saved, ...older]);
    await bestEffort("the save is done, the next one mirrors it", mirrorRuns(all, store));
    await reach?.("before-collect");
    await bestEffort("the next save collects it", collectUnused(store));
    await reach?.("after-collect");
    return summaryOf(saved, all, await startLosses(all, store));
  });
}

/**
 * The copy of the pieces that the newest checkpoint of another step does not use: damage to a piece
 * leaves one of the two.
 */
function nextCopy(newestFirst: readonly SavedRun[], { trainer }: RunState): PieceCopy {
  const last = newestFirst.find(({ manifest }) => manifest.run.step !== trainer.step);
  return last?.manifest.chunks.some(({ copy }) => copy === 0) === true ? 1 : 0;
}

/** Newest first. */
export async function listRuns(store: PayloadStore): Promise<CheckpointSummary[]> {
  return await summariesOf(await savedRuns(store), store);
}

/** @param entries newest first */
export async function summariesOf(
  entries: readonly SavedRun[],
  store: PayloadStore,
): Promise<CheckpointSummary[]> {
  const starts = await startLosses(entries, store);
  return entries.map((entry) => summaryOf(entry, entries, starts));
}

/** @throws UserError "bad-checkpoint" when it is missing or damaged */
export async function readRunFile(
  key: string,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<Blob> {
  return readPayload(await findRun(key, store), store, signal);
}

/** @throws UserError "bad-checkpoint" when it is missing or damaged */
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
 * @throws UserError "bad-checkpoint" when all of its checkpoints are damaged
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
      if (!(error instanceof UserError) || error instanceof DatabaseFault) {
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

/** Every checkpoint with a sound manifest, newest first. */
export async function savedRuns(store: PayloadStore): Promise<SavedRun[]> {
  return newestFirst(runsAmong(await listEntries(store)));
}

export function runsAmong(entries: readonly Entry[]): SavedRun[] {
  return entries.filter((entry): entry is SavedRun => entry.manifest.kind === "checkpoint");
}

export function newestFirst(entries: readonly SavedRun[]): SavedRun[] {
  return entries.toSorted((a, b) => b.manifest.createdAt - a.manifest.createdAt);
}

export function ofRun(entries: readonly SavedRun[], runId: string): SavedRun[] {
  return entries.filter(({ manifest }) => manifest.run.runId === runId);
}

/** @throws UserError "bad-checkpoint" when it is missing or damaged */
export async function findRun(key: string, store: PayloadStore): Promise<SavedRun> {
  const manifest = await findManifest(key, store);
  if (manifest === "foreign") {
    throw badCheckpoint("A newer version of Anneal made it: reload the page.", "Saved checkpoint");
  }
  if (manifest === "damaged") {
    throw badCheckpoint("Its entry in the browser's storage is damaged.", "Saved checkpoint");
  }
  if (manifest === "missing" || manifest.kind !== "checkpoint") {
    throw badCheckpoint("It is no longer in the browser's storage.", "Saved checkpoint");
  }
  return { id: key, manifest };
}

function summaryOf(
  entry: SavedRun,
  all: readonly SavedRun[],
  starts: ReadonlyMap<string, number | null>,
): CheckpointSummary {
  const { run, createdAt, isPinned } = entry.manifest;
  const startHeldOutLoss = starts.get(run.runId) ?? null;
  const generations = ofRun(all, run.runId).map(({ id, manifest }) => ({
    key: id,
    ...manifest.run,
  }));
  return {
    ...run,
    name: run.name ?? null,
    startedAt: run.startedAt ?? null,
    startHeldOutLoss,
    isOver: run.isOver ?? run.step >= run.totalSteps,
    key: entry.id,
    createdAt,
    sizeBytes: sizeOf(entry.manifest),
    isBest: bestKey(generations, startHeldOutLoss) === entry.id,
    isPinned,
  };
}
