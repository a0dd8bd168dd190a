// Events and facts of a run: plain data that crosses between worker and page.
import type { Recipe } from "../recipe/recipe.ts";
import type { LogEntry } from "../train/state.ts";
import type { ModelInfo } from "../models/facts.ts";
import type { PlainError } from "../util/errors.ts";
import type { EngineReport } from "../engine/contract.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";

export type DataSource = { kind: "demo" } | { kind: "file"; file: File };

export interface DataInfo {
  source: DataSource["kind"];
  name: string;
  rows: number;
  sizeBytes: number;
}

export interface PreviewToken {
  text: string;
  /** Whether the loss counts this token. */
  trained: boolean;
}

/** What a recipe means for the loaded model and data, before anything runs. */
export interface RunPlan {
  trainRows: number;
  heldOutRows: number;
  /** Tokens the loss counts in one epoch. */
  trainedTokens: number;
  longestRowTokens: number;
  /** Rows cut to maxLength. */
  truncatedRows: number;
  /** Rows left out because cutting left no trained token. */
  droppedRows: number;
  totalSteps: number;
  trainableParameters: number;
  /** Estimated device bytes of the run. */
  neededBytes: number;
  /** The first rows, token by token. */
  preview: PreviewToken[][];
  /** A prompt from the data for the sample before and after. */
  samplePrompt: string;
}

/** What the page draws after a run has been taken up again. */
export interface RestoredRun {
  runId: string;
  step: number;
  totalSteps: number;
  recipe: Recipe;
  log: LogEntry[];
  model: ModelInfo;
  data: DataInfo;
}

export type SaveReason = "steps" | "pause" | "stop" | "hidden" | "end";

export type RebuildReason =
  "every-steps" | "every-minutes" | "above-bytes" | "device-lost" | "out-of-memory";

export type RunPhase =
  | { name: "idle" }
  /** Model going to the device, held-out loss and sample before the first step. */
  | { name: "preparing"; doing: string }
  | { name: "running" }
  | { name: "pausing" }
  /** Not saved where the save failed: it is in memory alone. */
  | { name: "paused"; step: number; isSaved: boolean }
  /**
   * The device was lost; the run is safe at `safeStep` and goes on in `waitMs`, counted from this
   * event.
   */
  | { name: "recovering"; message: string; safeStep: number; waitMs: number; error: PlainError }
  | { name: "done"; step: number; stoppedEarly: boolean; isSaved: boolean }
  /** Saved up to `safeStep`. Not saved where this tab holds a later `step` that found no room. */
  | { name: "failed"; error: PlainError; safeStep: number | null; step: number; isSaved: boolean };

/** What a run tells of itself. */
export type RunEvent =
  | { kind: "engine"; report: EngineReport }
  /**
   * Bytes of a model or data set on its way; total is null while unknown. `doing` is e.g.
   * "Downloading model.safetensors".
   */
  | { kind: "loading"; doing: string; doneBytes: number; totalBytes: number | null }
  | { kind: "run"; phase: RunPhase }
  /**
   * The GPU or the database keeps the run waiting, far longer than usual; null when it has answered
   * after all.
   */
  | { kind: "waiting"; fault: PlainError | null }
  | {
      kind: "step";
      entry: LogEntry;
      totalSteps: number;
      /** All tokens fed per second, padding left out, smoothed. */
      tokensPerSecond: number;
      remainingMs: number;
      plannedBytes: number;
      allocatedBytes: number;
    }
  | { kind: "evaluated"; step: number; heldOutLoss: number }
  | {
      kind: "saved";
      reason: SaveReason;
      checkpoint: CheckpointSummary;
      /** Why the data set is not kept beside it; null when it is. */
      dataError: PlainError | null;
      /** Null when the browser could not list them just now. */
      checkpoints: CheckpointSummary[] | null;
    }
  /** Saving failed; the run goes on in memory. */
  | { kind: "saveFailed"; step: number; error: PlainError }
  | {
      kind: "rebuilt";
      step: number;
      reason: RebuildReason;
      beforeBytes: number;
      /** Bytes right after the old device was given up. */
      releasedBytes: number;
      afterBytes: number;
      durationMs: number;
    }
  /** `error` says why there is no answer to the prompt. */
  | {
      kind: "sample";
      which: "before" | "after";
      prompt: string;
      text: string;
      error: PlainError | null;
    };
