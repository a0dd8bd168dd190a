// Verifies stored payloads: a quick check of manifests at every opening, every byte on demand.
import { keysOfChunks } from "./database/chunks.ts";
import { sizeOf } from "./database/manifest.ts";
import {
  listEntries,
  readManifests,
  stateOfPayload,
  storedKeys,
  type Entry,
  type StoredManifest,
  type PayloadState,
  type PayloadStore,
} from "./database/payload-store.ts";
import { findRun } from "./saved-runs.ts";

/** A fault that the quick check found. */
export interface Damage {
  key: string;
  /** `damaged-entry`: its manifest fails its hash; `missing-pieces`: a listed chunk is missing. */
  kind: "damaged-entry" | "missing-pieces";
  /** Null for a damaged manifest or a data set. */
  runId: string | null;
  step: number | null;
}

/** The result for one payload after all its bytes were compared. */
export interface Verdict {
  key: string;
  kind: "checkpoint" | "data";
  state: PayloadState;
  /** Null for a data set. */
  runId: string | null;
  step: number | null;
  sizeBytes: number;
}

export interface VerifyOptions {
  signal?: AbortSignal | undefined;
  progress?: (doneBytes: number, totalBytes: number) => void;
}

/** Checks manifests by their hash and chunks by their presence; reads no payload. */
export async function quickCheck(
  store: PayloadStore,
): Promise<{ opened: StoredManifest[]; damage: Damage[] }> {
  const present = await storedKeys(store.use);
  const opened = await readManifests(present, store.use);
  const keys = new Set(present);
  const damage = opened.flatMap((entry) => damageOf(entry, keys));
  return { opened, damage };
}

function damageOf({ id, manifest }: StoredManifest, present: ReadonlySet<string>): Damage[] {
  if (manifest === "foreign") {
    return [];
  }
  if (manifest === "damaged") {
    return [{ key: id, kind: "damaged-entry", runId: null, step: null }];
  }
  const isWhole = keysOfChunks(id, manifest.chunks).every((key) => present.has(key));
  return isWhole ? [] : [{ key: id, kind: "missing-pieces", ...subjectOf({ id, manifest }) }];
}

/**
 * Reads every byte and compares it with its SHA-256.
 * @param which keys of checkpoints, or `all`, which includes data sets
 * @throws UserError "bad-checkpoint" when one of the keys is missing; the signal's AbortError
 */
export async function verifyPayloads(
  which: readonly string[] | "all",
  store: PayloadStore,
  { signal, progress }: VerifyOptions = {},
): Promise<Verdict[]> {
  const entries = which === "all" ? await listEntries(store) : await findAll(which, store);
  const totalBytes = entries.reduce((sum, { manifest }) => sum + sizeOf(manifest), 0);
  const verdicts: Verdict[] = [];
  let doneBytes = 0;
  for (const entry of entries) {
    const sizeBytes = sizeOf(entry.manifest);
    const state = await stateOfPayload(entry, store, signal);
    doneBytes += sizeBytes;
    progress?.(doneBytes, totalBytes);
    const { kind } = entry.manifest;
    verdicts.push({ key: entry.id, kind, state, sizeBytes, ...subjectOf(entry) });
  }
  return verdicts;
}

async function findAll(keys: readonly string[], store: PayloadStore): Promise<Entry[]> {
  return await Promise.all(keys.map((key) => findRun(key, store)));
}

function subjectOf({ manifest }: Entry): { runId: string | null; step: number | null } {
  return manifest.kind === "checkpoint"
    ? { runId: manifest.run.runId, step: manifest.run.step }
    : { runId: null, step: null };
}
