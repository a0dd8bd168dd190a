// The run whose adapter a call exports: from a checkpoint, or the newest state of the run.
import type { BaseIdentity, RunState } from "../../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { LoadedModel } from "../../models/loaded-model.ts";
import type { LoadedData } from "../../run/data/loaded-data.ts";
import type { Run } from "../../run/run.ts";
import type { BaseModel } from "../../model/open.ts";
import { UserError } from "../../util/errors.ts";
import { isModelOf } from "../inputs.ts";
import type { SessionEvent } from "../protocol.ts";

export interface ExportParts {
  run: () => Run | null;
  store: CheckpointStore;
  /** The loaded model, of whatever run. */
  model: () => LoadedModel | null;
  /** Data that are loaded, of whatever run. */
  data: () => LoadedData | null;
  /** The base model with the name that was said last, perhaps after the save. */
  named: (base: BaseIdentity) => BaseIdentity;
  emit: (event: SessionEvent) => void;
}

export interface ExportedRun {
  state: RunState;
  /** Null where another model is loaded, or none. */
  model: LoadedModel | null;
}

/**
 * @param key of a checkpoint; null for the newest state of the current run, which may not be saved
 *   where the run is at rest
 * @throws UserError "no-adapter" when there is none yet; those of loading a checkpoint
 */
export async function exportedRun(
  { run, store, model, named }: ExportParts,
  key: string | null,
): Promise<ExportedRun> {
  const state = key === null ? await newestOf(run(), store) : await store.loadCheckpoint(key);
  const loaded = model();
  return {
    state: { ...state, base: named(state.base) },
    model: isModelOf(state.base, loaded) ? loaded : null,
  };
}

/** @throws UserError "missing-file" where that model is not loaded */
export function needed<Model extends BaseModel>(model: Model | null): Model {
  if (model === null) {
    throw new UserError(
      "missing-file",
      "A merged model needs the base model, which is not loaded.",
      {
        remedy: "Load the model of this run under Model.",
      },
    );
  }
  return model;
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
