// Compares the merged model with base and adapter on the held-out rows of the run.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { EngineProgress } from "../../engine/contract.ts";
import { enginePlanOf } from "../../run/device-engine.ts";
import { mergedLosses, mergedVerdict } from "../../run/merged-losses.ts";
import { datasetFor } from "../../run/plan.ts";
import { UserError } from "../../util/errors.ts";
import { shownPath } from "../../util/shown-text.ts";
import { Generations } from "../generations.ts";
import type { Inputs } from "../inputs.ts";
import type { Calls } from "../protocol.ts";
import type { WasmPaths } from "../../engine/open.ts";
import { exportedRun, needed, type ExportParts } from "./exported-run.ts";

export interface ComparisonParts extends ExportParts {
  inputs: Inputs;
  wasmPaths: WasmPaths;
  /** Does work that needs the device, while no run has it. @throws UserError "busy" */
  onDevice: <T>(work: () => Promise<T>) => Promise<T>;
}

export class MergedComparison {
  readonly #parts: ComparisonParts;
  readonly #underWay = new Generations();

  constructor(parts: ComparisonParts) {
    this.#parts = parts;
  }

  /**
   * Measures the three losses, with `exportProgress` events of the weights that are read;
   * `cancelExport` cancels.
   * @throws UserError "busy" during a run, "wrong-data" where other rows are loaded, "empty-data"
   *   where none are held out; what merging and the engine throw; an AbortError
   */
  async compare({
    requestId,
    key,
    type,
  }: Calls["compareMerged"]["params"]): Promise<Calls["compareMerged"]["result"]> {
    const { inputs, wasmPaths, onDevice } = this.#parts;
    return await this.#underWay.during(requestId, async (signal) => {
      const exported = await exportedRun(this.#parts, key);
      const { state } = exported;
      const model = needed(exported.model);
      const { recipe, startedAt } = state;
      const data = await this.#dataOf(state);
      const heldOutRows = state.data.heldOutLines.length;
      const { tokens, device } = inputs;
      const dataset = await datasetFor(model, data, recipe, startedAt, tokens, heldOutRows);
      if (dataset.heldOut.length === 0) {
        throw new UserError("empty-data", "The run held out no rows to compare on.", {
          remedy: "Try the merged model on prompts of your own.",
        });
      }
      const plan = enginePlanOf(model, dataset, recipe, { device, wasmPaths });
      const watch = { signal, progress: this.#progress(requestId) };
      const losses = await onDevice(() => mergedLosses(plan, state, dataset, type, watch));
      return { ...losses, rows: dataset.heldOut.length, ...mergedVerdict(losses, type) };
    });
  }

  /** Nothing happens when that comparison is over already. */
  cancel({ requestId }: Calls["cancelExport"]["params"]): void {
    this.#underWay.cancel(requestId);
  }

  async #dataOf({ data: saved }: RunState) {
    const { data } = this.#parts.inputs;
    if (!(await data.isOf(saved))) {
      const name = shownPath(saved.name);
      throw new UserError(
        "wrong-data",
        `The run held out rows of ${name}; other rows are loaded.`,
        {
          where: name,
          remedy: `Choose ${name} under Data, then compare.`,
        },
      );
    }
    return data;
  }

  /** Both engines read all weights. */
  #progress(requestId: number): EngineProgress {
    let before = 0;
    let last = 0;
    return (readiness) => {
      if (readiness.kind === "uploaded") {
        const { doneBytes, totalBytes } = readiness;
        before = doneBytes < last ? totalBytes : before;
        last = doneBytes;
        this.#parts.emit({
          kind: "exportProgress",
          requestId,
          doneBytes: before + doneBytes,
          totalBytes: 2 * totalBytes,
        });
      }
    };
  }
}
