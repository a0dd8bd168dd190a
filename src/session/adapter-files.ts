// The adapter of a run as files to download: from a checkpoint, or the newest state of the run.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { adapterFiles, adapterZip } from "../export/bundle.ts";
import { UserError } from "../util/errors.ts";
import type { Calls } from "./protocol.ts";
import type { Run } from "../run/run.ts";

/**
 * @param key of a checkpoint; null for the newest state of the current run, which may not be saved
 * where the run is at rest
 * @throws UserError "no-adapter" when there is none yet; those of loading a checkpoint
 */
export async function exportAdapter(
  key: string | null,
  run: Run | null,
  store: CheckpointStore,
): Promise<Calls["exportAdapter"]["result"]> {
  const state = key === null ? await newestOf(run, store) : await store.loadCheckpoint(key);
  const files = adapterFiles(state).map(({ name, bytes }) => ({ name, blob: new Blob([bytes]) }));
  const name = `${state.base.name}-lora-step-${state.trainer.step}.zip`;
  return { files, zip: { name, blob: await adapterZip(state) } };
}

async function newestOf(run: Run | null, store: CheckpointStore): Promise<RunState> {
  const resting = run?.restingState ?? null;
  const saved = run && resting === null ? await store.loadNewestValid(run.state.runId) : null;
  const newest = resting ?? saved?.run;
  if (newest === undefined) {
    throw new UserError("no-adapter", "There is no adapter to export yet.", {
      remedy: "Start a run, or import a checkpoint; the first save makes an adapter.",
    });
  }
  return newest;
}
