// Summarises a checkpoint for the page's list, without its tensors.
import { endOf } from "../../train/end.ts";
import { startOf } from "../../train/held-out.ts";
import type { RunState } from "./run-state.ts";

export interface CheckpointSummary {
  /** Opaque; identifies the checkpoint in calls. */
  key: string;
  runId: string;
  /** Given by the person; null where the run goes by its model and data. */
  name: string | null;
  /** In milliseconds since 1970; null for runs that an earlier version saved. */
  startedAt: number | null;
  step: number;
  totalSteps: number;
  /** When it was saved, in milliseconds since 1970; a later save always has a later time. */
  createdAt: number;
  sizeBytes: number;
  /** Loss of the last step that has one, in nats per token. */
  loss: number | null;
  /** Measured at this step, in nats per token; null when the run did not evaluate at it. */
  heldOutLoss: number | null;
  /** Of the untrained model, in nats per token; null where the log lacks it. */
  startHeldOutLoss: number | null;
  /** Whether no step of the run is left. */
  isOver: boolean;
  /**
   * Whether its held-out loss is the lowest of the saved checkpoints of its run, and below that of
   * the untrained model.
   */
  isBest: boolean;
  /** Pinned by the person: retention never deletes it. */
  isPinned: boolean;
  modelName: string;
  modelSource: string;
  dataName: string;
  dataSource: string;
}

/** The part of a summary that depends on the run alone. */
export type RunSummary = Omit<
  CheckpointSummary,
  "key" | "name" | "createdAt" | "sizeBytes" | "isBest" | "isPinned"
>;

export function summarize(run: Omit<RunState, "adapter">): RunSummary {
  const { step, totalSteps, log } = run.trainer;
  return {
    runId: run.runId,
    startedAt: run.startedAt,
    step,
    totalSteps,
    loss: log.findLast((entry) => entry.loss !== undefined)?.loss ?? null,
    heldOutLoss:
      log.findLast((entry) => entry.step === step && entry.heldOutLoss !== undefined)
        ?.heldOutLoss ?? null,
    startHeldOutLoss: startOf(log),
    isOver: endOf(run.trainer, run.recipe) !== null,
    modelName: run.base.name,
    modelSource: run.base.source,
    dataName: run.data.name,
    dataSource: run.data.source,
  };
}
