// What a person's browser does with the store, each from the state that the last kill left.
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import oldCheckpoint from "../../golden/checkpoints/schema-1/checkpoint-2.safetensors?url";
import { syntheticRun } from "./synthetic-run.ts";
import { onRows, saveRows } from "./run-data.ts";
import { rawGet, rawKeys, rawSet } from "./raw-database.ts";

export interface Stage {
  store: CheckpointStore;
  values: number;
  /** Tells the test that a checkpoint is safe. */
  saved: (runId: string, step: number) => void;
  /** Tells that a run will not be there any more, because it was so wanted. */
  deleting: (runId: string) => void;
}

export type Scenario = (stage: Stage) => Promise<void>;

export const mainRun = "main";
const keptGenerations = 2;

/** One save as a run makes it: the data set, the checkpoint, the retention. */
async function save({ store, values, saved }: Stage): Promise<void> {
  const step = (await newestStep(store, mainRun)) + 1;
  // A data set of its own, so that each time one is written.
  const run = await onRows(syntheticRun(mainRun, step, values), `rows of step ${step}`);
  await saveRows(store, run);
  await store.saveCheckpoint(run);
  saved(mainRun, step);
  await store.retain(mainRun, keptGenerations);
}

/**
 * A file made elsewhere, one of schema 1 that is migrated when it is read, and a whole archive of
 * another browser.
 */
async function bringIn(stage: Stage): Promise<void> {
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
  await bringInArchive(stage);
}

async function bringInArchive({ store, saved, deleting }: Stage): Promise<void> {
  const archive = await new Response((await store.exportAll()).stream).blob();
  const before = await store.listCheckpoints();
  deleting("imported");
  await store.deleteRun("imported");
  await store.importAll(archive, "runs.zip");
  for (const { runId, step } of before) {
    saved(runId, step);
  }
}

/** A bit flips in the newest checkpoint, an entry vanishes; then all is put right. */
async function putRight({ store, values, saved }: Stage): Promise<void> {
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

export const scenarios: Readonly<Record<string, Scenario>> = { save, bringIn, putRight };

export async function newestStep(store: CheckpointStore, runId: string): Promise<number> {
  const steps = (await store.listCheckpoints())
    .filter((checkpoint) => checkpoint.runId === runId)
    .map(({ step }) => step);
  return Math.max(0, ...steps);
}

/** Keys that belong to nothing that is listed. */
export async function countLeftovers(): Promise<number> {
  const present = await rawKeys();
  const owners = new Set(
    present.flatMap((key) => (key.startsWith("manifest/") ? [key.split("/")[1]] : [])),
  );
  return present.filter((key) => key.startsWith("chunk/") && !owners.has(key.split("/")[1])).length;
}
