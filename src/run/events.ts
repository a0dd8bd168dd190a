// Events and facts of a run: plain data that is posted from the worker to the page.
import type { PromptForm } from "../data/prompt-form.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { Verdict } from "../train/held-out.ts";
import type { LogEntry } from "../train/state.ts";
import type { ModelInfo } from "../models/facts.ts";
import type { PlainError } from "../util/errors.ts";
import type { EngineReadiness, EngineReport } from "../engine/contract.ts";
import type { BadRow } from "../data/load/bad-rows.ts";
import type { DataChoices, FileFacts, RowsReading } from "../data/load/data-set.ts";
import type { RowEdit } from "../data/load/edits.ts";
import type { ColumnSample } from "../data/shapes/recognise.ts";
import type { ShapeFacts } from "../data/shapes/shape.ts";
import type { PickedFile } from "../sources/files.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";

/** Files that a person chose, or a folder, and what they chose about how the files are read. */
export interface DataFiles extends Omit<DataChoices, "heldOutFrom" | "edits"> {
  kind: "files";
  files: PickedFile[];
}

export type DataSource = { kind: "demo" } | DataFiles;

/** A name in a file: whole, as the page sends it back, and as it is shown. */
export interface Labelled {
  name: string;
  label: string;
}

/** A file of the data, by its whole path, and as it is shown. */
export interface DataFile extends Omit<FileFacts, "sheets"> {
  label: string;
  sheets: readonly Labelled[];
}

export interface DataReading extends Omit<RowsReading, "columns"> {
  columns: readonly (Labelled & Pick<ColumnSample, "example">)[];
}

export interface DataInfo {
  source: DataSource["kind"];
  name: string;
  /** Usable rows, edits counted; 0 while the rows have no known shape and no columns are chosen. */
  rows: number;
  /** Rows that cannot be used and are left out, and the first 100 of them. */
  badRows: { count: number; first: readonly BadRow[] };
  sizeBytes: number;
  /** Training, held-out and test files; the latter are not used. A row's `file` counts in them. */
  files: DataFile[];
  /** Files that were chosen and are left out, each with the reason. */
  skipped: readonly { path: string; why: string }[];
  /** What becomes of the files: "train.jsonl to train on, valid.jsonl held out." */
  sentence: string;
  /** Rows of held-out files; null without such a file: then some of the rows are held out. */
  heldOutRows: number | null;
  reading: DataReading;
  /** What rows can be read as. */
  shapes: readonly ShapeFacts[];
  edits: readonly RowEdit[];
}

/** A run's plan: what a recipe means for the loaded model and data, before anything runs. */
export interface RunPlan {
  trainRows: number;
  heldOutRows: number;
  /** Tokens in the loss, in one epoch. */
  trainedTokens: number;
  longestRowTokens: number;
  /** Rows cut to maxLength. */
  truncatedRows: number;
  /** Rows left out: the cut leaves no trained token, or they cannot be trained. */
  droppedRows: number;
  totalSteps: number;
  /** Passes over the training rows, fractional. */
  epochs: number;
  /** Training rows that are used at least once. */
  rowsUsed: number;
  trainableParameters: number;
  /** Estimated device bytes of the run. */
  neededBytes: number;
  /** A prompt from the data for the sample before and after. */
  samplePrompt: string;
  /** How the rows give their prompts, so that others reach the model likewise. */
  promptForm: PromptForm;
}

/** What the page draws after a saved run was opened. */
export interface RestoredRun {
  runId: string;
  step: number;
  totalSteps: number;
  /** Null where steps are left. */
  end: RunEnd | null;
  /** Null also where steps are left. */
  better: BetterCheckpoint | null;
  verdict: Verdict;
  recipe: Recipe;
  log: LogEntry[];
  model: ModelInfo;
  data: DataInfo;
}

export type SaveReason = "steps" | "minutes" | "pause" | "stop" | "hidden" | "end";

export type RebuildReason =
  "every-steps" | "every-minutes" | "above-bytes" | "device-lost" | "out-of-memory";

/** How a run ended: all steps made, stopped by a person, or stopped early for want of a gain. */
export type RunEnd = "complete" | "stopped" | "no-gain";

/** A saved checkpoint whose held-out loss is below that of the last step, where the run ended. */
export interface BetterCheckpoint {
  key: string;
  step: number;
  heldOutLoss: number;
}

export type RunPhase =
  | { name: "idle" }
  /** Model going to the device; samples at the end. */
  | { name: "preparing"; doing: string }
  | { name: "running" }
  | { name: "pausing" }
  /** Not saved where the save failed: the state is only in this tab's memory. */
  | { name: "paused"; step: number; isSaved: boolean }
  /** The device is lost. The run is back at `safeStep` and tries again after `waitMs`. */
  | { name: "recovering"; message: string; safeStep: number; waitMs: number; error: PlainError }
  | { name: "done"; step: number; end: RunEnd; better: BetterCheckpoint | null; isSaved: boolean }
  /** Saved up to `safeStep`. Not saved where only this tab holds a later `step`. */
  | { name: "failed"; error: PlainError; safeStep: number | null; step: number; isSaved: boolean };

/**
 * Work beside the steps of a run: a sample, or a held-out loss before training or at a stop. All
 * but the loss before training can be skipped.
 */
export type Aside = "sample-before" | "sample-after" | "loss-before" | "loss-at-stop";

/** What a run reports. */
export type RunEvent =
  | { kind: "engine"; report: EngineReport }
  /**
   * Progress of a model or data set; total is null while unknown. `doing` is e.g. "Downloading
   * model.safetensors".
   */
  | { kind: "loading"; doing: string; doneBytes: number; totalBytes: number | null }
  /** Progress of making tokens of the rows. */
  | { kind: "tokenizing"; doneBytes: number; totalBytes: number }
  /** Progress of the device's opening for a run. */
  | { kind: "opening"; readiness: EngineReadiness }
  | { kind: "run"; phase: RunPhase }
  /** The GPU or the database has not answered for far longer than usual; null once it has. */
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
  | { kind: "evaluated"; step: number; heldOutLoss: number; verdict: Verdict }
  | {
      kind: "saved";
      reason: SaveReason;
      checkpoint: CheckpointSummary;
      /** Why the data set is not saved with it; null when it is. */
      dataError: PlainError | null;
      /** Null when the browser could not list them now. */
      checkpoints: CheckpointSummary[] | null;
    }
  /** A save failed; the run continues in memory. */
  | { kind: "saveFailed"; step: number; error: PlainError }
  | {
      kind: "rebuilt";
      step: number;
      reason: RebuildReason;
      beforeBytes: number;
      /** Bytes still allocated right after the old device was released. */
      releasedBytes: number;
      afterBytes: number;
      durationMs: number;
    }
  /** What is done beside the steps; null when that is over. */
  | { kind: "aside"; aside: Aside | null }
  /** The next piece of a sample's text. */
  | { kind: "sampling"; which: "before" | "after"; text: string }
  /** The answer to the sample prompt; `error` says why there is none. */
  | {
      kind: "sample";
      which: "before" | "after";
      /** Of the adapter that answers; 0 for the base model. */
      step: number;
      prompt: string;
      /** So far, where it was skipped. */
      text: string;
      isSkipped: boolean;
      error: PlainError | null;
    };
