// Stores data sets for their runs, so that a run on a person's own file can resume after the tab
// was closed.
import { blobSource } from "../formats/byte-source.ts";
import { invariant } from "../util/assert.ts";
import { UserError } from "../util/errors.ts";
import type { DataManifest } from "./database/manifest.ts";
import {
  collectGarbage,
  listEntries,
  putManifest,
  readPayload,
  stateOfPayload,
  writePayload,
  type Entry,
  type PayloadStore,
} from "./database/payload-store.ts";
import { clockTime } from "./file/times.ts";
import type { DataIdentity } from "./file/run-state.ts";
import { DatabaseFault } from "./database/database-fault.ts";

/** A data set is saved before the first checkpoint of its run: it may be unreferenced for a day. */
const graceMs = 24 * 3600 * 1000;

/** Stores a data set unless it is stored. The identity must be that of `file`. */
export async function saveDataFile(
  { sha256, sizeBytes, name }: Pick<DataIdentity, "sha256" | "sizeBytes" | "name">,
  file: Blob,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<void> {
  invariant(
    file.size === sizeBytes,
    `the data file has ${file.size} bytes, its identity says ${sizeBytes}`,
  );
  return store.lock(async () => {
    const kept = await findDataFile(sha256, store);
    const createdAt = clockTime();
    if (kept === undefined) {
      await writePayload(
        blobSource(file, name),
        (chunks): DataManifest => ({ kind: "data", createdAt, dataSha256: sha256, chunks }),
        store,
        signal,
      );
    } else {
      await spareData(kept, store);
    }
  });
}

/** Gives a stored data set its day again: its run may start only now. Requires the write lock. */
export async function spareData(kept: Entry, { use }: PayloadStore): Promise<void> {
  const createdAt = clockTime();
  if (createdAt - kept.manifest.createdAt > graceMs / 2) {
    await putManifest({ ...kept, manifest: { ...kept.manifest, createdAt } }, use);
  }
}

/**
 * A stored data set, verified; null when it is missing or unreadable. A damaged one is deleted.
 * @throws UserError when the database does not answer
 */
export async function loadDataFile(
  sha256: string,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<Blob | null> {
  const entry = await findDataFile(sha256, store);
  if (entry === undefined) {
    return null;
  }
  try {
    return await readPayload(entry, store, signal);
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof DatabaseFault) {
      throw error;
    }
    // The remedy for a damaged copy is the person's own file, which a stored copy would block.
    const state = await stateOfPayload(entry, store, signal);
    if (state === "damaged" || state === "missing") {
      await store.lock(() => collectGarbage(store, () => [entry]));
    }
    return state === "sound" ? await readPayload(entry, store, signal) : null;
  }
}

/**
 * Deletes what a killed save has left, and data sets that no checkpoint refers to. Requires the
 * write lock.
 */
export async function collectUnused(store: PayloadStore): Promise<void> {
  const newest = clockTime() - graceMs;
  await collectGarbage(store, (all) => {
    const needed = new Set(
      all.flatMap(({ manifest }) => (manifest.kind === "checkpoint" ? manifest.dataSha256 : [])),
    );
    return all.filter(
      ({ manifest }) =>
        manifest.kind === "data" &&
        manifest.createdAt <= newest &&
        !needed.has(manifest.dataSha256),
    );
  });
}

async function findDataFile(sha256: string, store: PayloadStore): Promise<Entry | undefined> {
  const entries = await listEntries(store);
  return entries.find(({ manifest }) => manifest.kind === "data" && manifest.dataSha256 === sha256);
}
