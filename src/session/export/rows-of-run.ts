// The rows of a run for its export: the loaded data where they are the run's, else the copy that
// was saved with it. What is loaded for the next run stays as it is.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { RunRows } from "../../export/format.ts";
import type { BaseModel } from "../../model/open.ts";
import { openSavedData, type LoadedData } from "../../run/data/loaded-data.ts";
import { runRows } from "../../run/data/run-rows.ts";
import { TokenCache } from "../../run/data/token-cache.ts";
import { datasetFor, refuseOtherSplit } from "../../run/plan.ts";
import { UserError } from "../../util/errors.ts";
import { shownPath } from "../../util/shown-text.ts";

export interface RowSources {
  /** Null while none are loaded. */
  data: () => LoadedData | null;
  store: Pick<CheckpointStore, "loadDataFile">;
}

/**
 * The rows as tokens of the run's first day.
 * @throws UserError "wrong-data" where the data are not at hand or were split otherwise; as
 *   `datasetFor` and `runRows`; the signal's AbortError
 */
export async function rowsOfRun(
  state: RunState,
  model: BaseModel,
  sources: RowSources,
  signal: AbortSignal,
): Promise<RunRows> {
  const { recipe, startedAt } = state;
  const data = await dataOf(state, sources, signal);
  const tokens = new TokenCache();
  const forget = () => {
    tokens.forget();
  };
  signal.addEventListener("abort", forget, { once: true });
  try {
    const heldOutRows = state.data.heldOutLines.length;
    const dataset = await datasetFor(model, data, recipe, startedAt, tokens, heldOutRows);
    await refuseOtherSplit(state, data, dataset);
    return runRows(model, data, dataset, recipe, signal);
  } finally {
    signal.removeEventListener("abort", forget);
  }
}

async function dataOf(
  { data }: RunState,
  { data: loaded, store }: RowSources,
  signal: AbortSignal,
): Promise<LoadedData> {
  const present = loaded();
  if (present !== null && (await present.isOf(data, signal))) {
    return present;
  }
  const kept = await store.loadDataFile(data.sha256);
  if (kept === null) {
    const name = shownPath(data.name);
    throw new UserError("wrong-data", `The rows of this run, ${name}, are not loaded.`, {
      where: name,
      remedy: `Choose ${name} (${data.rows} rows, unchanged) under Data.`,
    });
  }
  return await openSavedData(data, kept, signal);
}
