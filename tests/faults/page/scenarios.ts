// Scenarios of store use, each from the state after the last kill.
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import oldCheckpoint from "../../golden/checkpoints/schema-1/checkpoint-2.safetensors?url";
import { mainRun, syntheticRun } from "./synthetic-run.ts";
import { onRows, saveRows } from "./run-data.ts";
import { rawGet, rawKeys, rawSet } from "./raw-database.ts";

export interface Stage {
  store: CheckpointStore;
  values: number;
  /** Reports to the test that a checkpoint is saved. */
  saved: (runId: string, step: number) => void;
  /** Reports that a run is about to be deleted on request. */
  deleting: (runId: string) => void;
}

export type Scenario = (stage: Stage) => Promise<void>;

const keptGenerations = 2;

/** One save as in a run: the data set, the checkpoint, the retention. */
async function save({ store, values, saved }: Stage): Promise<void> {
  const step = (await newestStep(store, mainRun)) + 1;
  // A new data set each time, so that every save writes one.
  const run = await onRows(syntheticRun(mainRun, step, values), `rows of step ${step}`);
  await saveRows(store, run);
  await store.saveCheckpoint(run);
  saved(mainRun, step);
  await store.retain(mainRun, keptGenerations);
}

/**
 * Imports a foreign file, a file of schema 1 that is migrated on reading, and a whole archive of
 * another browser.
 */
async function importFiles(stage: Stage): Promise<void> {
  const { store, values, saved } = stage;
  const step = (await newestStep(store, "imported")) + 1;
  const file = encodeCheckpoint(syntheticRun("imported", step, values));
  await store.importCheckpoint(new Blob([file]), "imported.safetensors");
  saved("imported", step);
  await store.retain("imported", keptGenerations);
  const old = await (await fetch(oldCheckpoint)).blob();
  const { key, runId } = await store.importCheckpoint(old, "old.safetensors");
  await store.loadCheckpoint(key);
  saved(runId, 2);
  await store.retain(runId, keptGenerations);
  await importFilesArchive(stage);
}

async function importFilesArchive({ store, saved, deleting }: Stage): Promise<void> {
  const archive = await new Response((await store.exportAll()).stream).blob();
  const before = await store.listCheckpoints();
  deleting("imported");
  await store.deleteRun("imported");
  await store.importAll(archive, "runs.zip");
  for (const { runId, step } of before) {
    saved(runId, step);
  }
}

/** Flips a bit in the newest checkpoint, damages a manifest, then repairs both. */
async function repairDamage({ store, values, saved }: Stage): Promise<void> {
  const step = (await newestStep(store, "broken")) + 1;
  const { key: kept } = await store.saveCheckpoint(syntheticRun("broken", step, values));
  saved("broken", step);
  const { key: flipped } = await store.saveCheckpoint(syntheticRun("broken", step + 1, values));
  const piece = (await rawGet(`chunk/${flipped}/0`)) as ArrayBuffer;
  new Uint8Array(piece)[100]! ^= 1;
  await rawSet(`chunk/${flipped}/0`, piece);
  await store.repair();
  await rawSet(`manifest/${kept}`, "damaged");
  await store.close();
  await store.open();
  saved("broken", step);
  await store.setPinned(kept, true);
  for (const { key, runId } of await store.listCheckpoints()) {
    if (runId === "broken" && key !== kept) {
      await store.deleteCheckpoint(key);
    }
  }
  await store.setPinned(kept, false);
}

export const scenarios: Readonly<Record<string, Scenario>> = { save, importFiles, repairDamage };

export async function newestStep(store: CheckpointStore, runId: string): Promise<number> {
  const steps = (await store.listCheckpoints())
    .filter((checkpoint) => checkpoint.runId === runId)
    .map(({ step }) => step);
  return Math.max(0, ...steps);
}

/** Counts chunks of no listed entry, and pieces that none names. */
export async function countLeftovers(): Promise<number> {
  const present = await rawKeys();
  const entries = present.filter((key) => key.startsWith("manifest/"));
  const owners = new Set(entries.map((key) => key.split("/")[1]));
  const manifests = (await Promise.all(entries.map(rawGet))).join();
  return present.filter((key) => {
    const [kind, owner, sha256] = key.split("/");
    return kind === "piece"
      ? !manifests.includes(`"sha256":"${sha256!}","copy":${owner!}`)
      : kind === "chunk" && !owners.has(owner);
  }).length;
}
