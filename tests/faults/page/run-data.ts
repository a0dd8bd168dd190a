// Data sets of made runs. What a checkpoint calls its own is enough to make it again and compare.
import type { DataIdentity, RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { toPlain } from "../../../src/util/errors.ts";

/** One data set for a run's whole life, as a session has it. */
export const sharedRows = "shared rows";

export const alteredRows = "its data set is not the one that was saved";

/** The run as one on the data set of that name. */
export async function onRows(run: RunState, name: string): Promise<RunState> {
  const bytes = bytesOf(name);
  const sha256 = await sha256Hex(bytes);
  return { ...run, data: { ...run.data, name, sizeBytes: bytes.length, sha256 } };
}

/** As a run does before each of its checkpoints. */
export async function saveRows(store: CheckpointStore, { data }: RunState): Promise<void> {
  await store.saveDataFile(data, new Blob([bytesOf(data.name)]));
}

/** What is wrong with the data set of a checkpoint; null when it is the one that was saved. */
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
