// What the test asks of the worker, and what the worker tells.
import type { StoreReport } from "../../../src/checkpoint/store-report.ts";
import type { PlainError } from "../../../src/util/errors.ts";

/** A checkpoint that was read back whole, and whether it is bit for bit the one that was saved. */
export interface Inspected {
  runId: string;
  step: number;
  isPinned: boolean;
  /** What is wrong with it; null when it is the state that was saved. */
  fault: string | null;
  /** What is wrong with its data set; null when it is the one that was saved, or when none was. */
  dataFault: string | null;
}

export interface Inspection {
  report: StoreReport;
  /** Newest first, as listed. */
  checkpoints: Inspected[];
  /** Step of what `loadNewestValid` gives, by run. */
  newestValid: Record<string, number | null>;
  /** Stored keys that belong to no checkpoint and no data set. */
  leftovers: number;
}

/** How the k-th operation on the database fails. */
export type OperationFault = "throw" | "abort" | "error";

export interface Calls {
  /** To be called first. */
  open: { params: { chunkBytes: number }; result: null };
  /**
   * Plays what is named, and stands still for ever at the first place that is not among the
   * `passed`; null plays to the end. A place is a point and how often it was reached before, from 0
   * to below `times`.
   */
  play: {
    params: { scenario: string; stop: { passed: string[]; times: number } | null; values: number };
    result: null;
  };
  /** Saves without end. */
  saveOn: { params: { values: number }; result: null };
  inspect: { params: { values: number }; result: Inspection };
  /**
   * A save and a load, with the data set, and a retention, the k-th operation failing; whether one
   * failed at all.
   */
  breakOperation: {
    params: { k: number; fault: OperationFault; values: number };
    result: {
      isBroken: boolean;
      error: PlainError | null;
      step: number;
      /** What was loaded when `step` had been saved; null when that was refused. */
      loadedStep: number | null;
      durationMs: number;
    };
  };
  /** One save; the error when it is refused. */
  save: {
    params: { step: number; values: number };
    result: { error: PlainError | null };
  };
  /** As `save`, standing still at the first point of that name until `goOn`. */
  saveUntil: { params: { step: number; values: number; point: string }; result: null };
  goOn: { params: null; result: { error: PlainError | null } };
  /** Closes every connection of the store behind its back. */
  closeConnections: { params: null; result: null };
  /** Flips one bit of a stored piece of the newest checkpoint. */
  flipBit: { params: { draw: number }; result: { runId: string; step: number } };
  undoFlip: { params: null; result: null };
  /** Makes a run of that size and keeps it; then saves it. */
  makeLarge: { params: { bytes: number }; result: { bytes: number } };
  saveLarge: { params: null; result: { durationMs: number } };
}

export type CallName = keyof Calls;

export type Told =
  | { kind: "point"; point: string; place: string; isStopped: boolean }
  /** A save was acknowledged. */
  | { kind: "saved"; runId: string; step: number }
  /** A run is about to be deleted by the person's wish. */
  | { kind: "deleting"; runId: string };
