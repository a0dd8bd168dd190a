// What the page lists of a checkpoint without reading its tensors.
import type { RunState } from "./run-state.ts";

export interface CheckpointSummary {
  /** Opaque; names the checkpoint in calls. */
  key: string;
  runId: string;
  step: number;
  totalSteps: number;
  /** Milliseconds since 1970, when it was saved here; a later save always has a greater one. */
  createdAt: number;
  sizeBytes: number;
  /** Of the last step that has one, in nats. */
  loss: number | null;
  /** Measured at this very step, in nats per token; null when the run did not evaluate here. */
  heldOutLoss: number | null;
  /** Whether it has the lowest held-out loss among the saved checkpoints of its run. */
  isBest: boolean;
  /** Kept by the person's wish: no rule deletes it. */
  isPinned: boolean;
  modelName: string;
  modelSource: string;
  dataName: string;
  dataSource: string;
}

/** The part of a summary that the run itself says. */
export type RunSummary = Omit<
  CheckpointSummary,
  "key" | "createdAt" | "sizeBytes" | "isBest" | "isPinned"
>;

export function summarize(run: RunState): RunSummary {
  const { step, totalSteps, log } = run.trainer;
  return {
    runId: run.runId,
    step,
    totalSteps,
    loss: log.findLast((entry) => entry.loss !== undefined)?.loss ?? null,
    heldOutLoss:
      log.findLast((entry) => entry.step === step && entry.heldOutLoss !== undefined)
        ?.heldOutLoss ?? null,
    modelName: run.base.name,
    modelSource: run.base.source,
    dataName: run.data.name,
    dataSource: run.data.source,
  };
}
