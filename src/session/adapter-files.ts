// The adapter of a run as files to download: from a checkpoint, or the newest state of the run.
import type { BaseIdentity, RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { exportFormats, type ExportFormat } from "../export/formats.ts";
import { zipFiles } from "../formats/zip.ts";
import type { BaseModel } from "../model/open.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import type { Run } from "../run/run.ts";
import { toPlain, UserError } from "../util/errors.ts";
import { isModelOf } from "./inputs.ts";
import type { AdapterExport } from "./protocol.ts";

interface ExportParts {
  run: Run | null;
  store: CheckpointStore;
  /** The loaded model, of whatever run. */
  model: LoadedModel | null;
  /** The base model with the name that was said last, perhaps after the save. */
  named: (base: BaseIdentity) => BaseIdentity;
}

/**
 * The adapter in every format. A format that cannot carry the run says so in its own entry.
 * @param key of a checkpoint; null for the newest state of the current run, which may not be saved
 *   where the run is at rest
 * @throws UserError "no-adapter" when there is none yet; those of loading a checkpoint
 */
export async function exportAdapter(
  key: string | null,
  { run, store, model, named }: ExportParts,
): Promise<AdapterExport[]> {
  const state = key === null ? await newestOf(run, store) : await store.loadCheckpoint(key);
  const base = isModelOf(state.base, model) ? model : null;
  return await exportInFormats({ ...state, base: named(state.base) }, base, exportFormats);
}

/**
 * @param model the run's base model; null where it is not loaded
 * @throws whatever a format throws that is no UserError
 */
export async function exportInFormats(
  state: RunState,
  model: BaseModel | null,
  formats: readonly ExportFormat[],
): Promise<AdapterExport[]> {
  return await Promise.all(formats.map((format) => exportAs(format, state, model)));
}

async function exportAs(
  { name, label, files: filesOf }: ExportFormat,
  state: RunState,
  model: BaseModel | null,
): Promise<AdapterExport> {
  try {
    const written = await filesOf(state, model);
    const suffix = name === "peft" ? "" : `-${name}`;
    const zipName = `${state.base.name}-lora-step-${state.trainer.step}${suffix}.zip`;
    return {
      format: name,
      label,
      files: written.map(({ name: file, bytes }) => ({ name: file, blob: new Blob([bytes]) })),
      zip: { name: zipName, blob: await zipFiles(written) },
      refusal: null,
    };
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    return { format: name, label, files: [], zip: null, refusal: toPlain(error) };
  }
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
