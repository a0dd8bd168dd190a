// The held-out loss before the first step of each saved run, against which its checkpoints are
// judged. Manifests of earlier versions lack it: then the log in one of the run's files has it.
import { openSafetensors } from "../formats/safetensors.ts";
import { startOf } from "../train/held-out.ts";
import { bestEffort } from "../util/best-effort.ts";
import { chunksAsSource } from "./database/chunk-source.ts";
import type { PayloadStore, SavedRun } from "./database/payload-store.ts";
import { checkpointFileName } from "./file/container.ts";
import { parseMetadata } from "./file/metadata.ts";

/** By run; null where it is unknown. A file is read once in a store's life. */
export async function startLosses(
  entries: readonly SavedRun[],
  store: PayloadStore,
): Promise<ReadonlyMap<string, number | null>> {
  const starts = new Map<string, number | null>();
  for (const { manifest } of entries) {
    const { runId, startHeldOutLoss } = manifest.run;
    starts.set(runId, starts.get(runId) ?? startHeldOutLoss ?? null);
  }
  for (const entry of entries) {
    const { runId, startHeldOutLoss } = entry.manifest.run;
    if (starts.get(runId) === null && startHeldOutLoss === undefined) {
      starts.set(runId, await logged(entry, store));
    }
  }
  return starts;
}

async function logged(entry: SavedRun, store: PayloadStore): Promise<number | null> {
  const known = store.startLosses.get(entry.id);
  if (known !== undefined) {
    return known;
  }
  const reading = readLog(entry, store);
  const start = (await bestEffort("a damaged file is judged without its start", reading)) ?? null;
  store.startLosses.set(entry.id, start);
  return start;
}

async function readLog(entry: SavedRun, store: PayloadStore): Promise<number | null> {
  const fileName = checkpointFileName(entry.manifest.run.step);
  const { metadata } = await openSafetensors(chunksAsSource(entry, fileName, store));
  return startOf(parseMetadata(metadata, fileName).run.trainer.log);
}
