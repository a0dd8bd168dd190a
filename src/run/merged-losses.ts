// The held-out loss of the base model, of base and adapter, and of the merged model in the type of
// its file: merging into few bits can lose what was learned.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { EngineProgress } from "../engine/contract.ts";
import { openEngine } from "../engine/open.ts";
import type { ModelType } from "../export/merged/format.ts";
import { mergedStore } from "../export/merged/weights.ts";
import { heldOutBatches } from "../train/batches.ts";
import { evaluate } from "../train/evaluation.ts";
import { formatLoss, formatPercent } from "../util/format.ts";
import { releaseEngine, type DeviceEnginePlan } from "./device-engine.ts";

/** Nats per trained token. */
export interface MergedLosses {
  base: number;
  adapter: number;
  merged: number;
}

/**
 * Measures one after the other, on a device of their own each time; none is held afterwards.
 * @param dataset with rows that are held out
 * @throws what opening an engine throws, and merging; the signal's reason
 */
export async function mergedLosses(
  plan: DeviceEnginePlan,
  state: RunState,
  dataset: Dataset,
  type: ModelType,
  { signal, progress }: { signal: AbortSignal; progress: EngineProgress },
): Promise<MergedLosses> {
  const batches = heldOutBatches(dataset, state.recipe, plan.shape.length);
  const measured = async (model: DeviceEnginePlan["model"], isMerged: boolean) => {
    const opened = await openEngine({ ...plan, model }, progress, signal);
    try {
      const { engine } = opened;
      engine.writeState(state.adapter);
      const base = await evaluate(engine, batches, signal, false);
      return { base, adapter: isMerged ? base : await evaluate(engine, batches, signal) };
    } finally {
      await releaseEngine(opened);
    }
  };
  const { base, adapter } = await measured(plan.model, false);
  const weights = mergedStore(state, plan.model, type);
  const { base: merged } = await measured({ ...plan.model, weights }, true);
  return { base, adapter, merged };
}

/** Share of what was learned, or of the loss where nothing was, that is a clear loss. */
const clearShare = 0.1;
const clearOfLoss = 0.02;

/** Whether the merged model is worse than base and adapter by a clear margin, and how to say it. */
export function mergedVerdict(
  { base, adapter, merged }: MergedLosses,
  type: ModelType,
): { isWorse: boolean; words: string } {
  const lost = merged - adapter;
  const learned = base - adapter;
  const hasLearned = learned > clearOfLoss * base;
  const isWorse = hasLearned ? lost > clearShare * learned : lost > clearOfLoss * adapter;
  if (!isWorse) {
    return { isWorse, words: `Merged in ${type}, the model is as good as base and adapter.` };
  }
  const how = hasLearned
    ? `loses ${formatPercent(Math.min(1, lost / learned))} of what was learned`
    : `is worse by ${formatLoss(lost, 3)}`;
  const remedy =
    type === "Q4_0" || type === "Q8_0"
      ? "Choose a type of more bits, or keep the adapter beside the base model."
      : "Keep the adapter beside the base model.";
  return { isWorse, words: `Merged in ${type}, the model ${how}. ${remedy}` };
}
