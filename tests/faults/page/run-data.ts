// Data sets of synthetic runs, reproducible from the name that a checkpoint records.
import type { DataIdentity, RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { toPlain } from "../../../src/util/errors.ts";

/** One data set for a whole run, as in a session. */
export const sharedRows = "shared rows";

export const alteredRows = "its data set is not the one that was saved";

/** The run with the data set of that name. */
export async function onRows(run: RunState, name: string): Promise<RunState> {
  const bytes = bytesOf(name);
  const sha256 = await sha256Hex(bytes);
  return { ...run, data: { ...run.data, name, sizeBytes: bytes.length, sha256 } };
}

/** Saves the data set, as a run does before each checkpoint. */
export async function saveRows(store: CheckpointStore, { data }: RunState): Promise<void> {
  await store.saveDataFile(data, new Blob([bytesOf(data.name)]));
}

/** The fault of a checkpoint's data set; null when it equals the saved one. */
export async function rowsFault(
  store: CheckpointStore,
  { name, sha256 }: DataIdentity,
): Promise<string | null> {
  try {
    const kept = await store.loadDataFile(sha256);
    if (kept === null) {
      return "its data set is gone";
    }
    const isSame = (await kept.text()) === new TextDecoder().decode(bytesOf(name));
    return isSame ? null : alteredRows;
  } catch (error) {
    return toPlain(error).message;
  }
}

function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`a row of ${name}\n`);
}
