// The calls of the test to the worker, and the worker's messages.
import type { StoreReport } from "../../../src/checkpoint/store-report.ts";
import type { ArchiveWork } from "./archives.ts";
import type { Unopenable } from "../../support/unopenable-database.ts";
import type { ArchiveAsked } from "./made-archive.ts";
import type { ChosenSaves, SavesChoice } from "./wiped.ts";
import type { PlainError } from "../../../src/util/errors.ts";

/** A checkpoint that was read back, compared bitwise with the saved one. */
export interface Inspected {
  runId: string;
  step: number;
  isPinned: boolean;
  /** Its fault; null when it equals the saved state. */
  fault: string | null;
  /** The fault of its data set; null when it equals the saved one, or none was saved. */
  dataFault: string | null;
}

export interface Inspection {
  report: StoreReport;
  /** Newest first, as listed. */
  checkpoints: Inspected[];
  /** Step that `loadNewestValid` returns, by run. */
  newestValid: Record<string, number | null>;
  /** Stored keys that belong to no checkpoint and no data set. */
  leftovers: number;
}

/** How the k-th database operation fails. */
export type OperationFault = "throw" | "abort" | "error";

export interface Calls {
  /** Must be the first call. */
  open: { params: { chunkBytes: number }; result: null };
  /**
   * Plays a scenario and stops at the first place that is not in `passed`; null plays to the end.
   * A place is a point and the number of earlier visits, from 0 to below `times`.
   */
  play: {
    params: { scenario: string; stop: { passed: string[]; times: number } | null; values: number };
    result: null;
  };
  /** Saves in an endless loop. */
  saveOn: { params: { values: number }; result: null };
  inspect: { params: { values: number }; result: Inspection };
  /**
   * A save and a load, with the data set, and a retention; the k-th operation fails. `isBroken`
   * is false when there were fewer operations.
   */
  breakOperation: {
    params: { k: number; fault: OperationFault; values: number };
    result: {
      isBroken: boolean;
      error: PlainError | null;
      step: number;
      /** The step loaded after the save of `step`; null when the load was refused. */
      loadedStep: number | null;
      durationMs: number;
    };
  };
  /** One save; returns the error when it fails. */
  save: {
    params: { step: number; values: number };
    result: { error: PlainError | null };
  };
  /** As `save`, but stops at the first point of that name until `goOn`. */
  saveUntil: { params: { step: number; values: number; point: string }; result: null };
  goOn: { params: null; result: { error: PlainError | null } };
  /** Closes every connection of the store without its knowledge. */
  closeConnections: { params: null; result: null };
  /** Flips one bit of a stored chunk of the newest checkpoint. */
  flipBit: { params: { draw: number }; result: { runId: string; step: number } };
  undoFlip: { params: null; result: null };
  /** `makeLarge` creates a run of that size; `saveLarge` saves it. */
  makeLarge: { params: { bytes: number }; result: { bytes: number } };
  saveLarge: { params: null; result: { durationMs: number } };
  /** Makes the archive of the later calls; answers its bytes. */
  makeArchive: { params: ArchiveAsked; result: number };
  /** `cancelAt`: share of the work at which it is cancelled. */
  importInto: { params: { database: string; cancelAt: number | null }; result: ArchiveWork };
  exportFrom: { params: { database: string; cancelAt: number | null }; result: ArchiveWork };
  runsIn: {
    params: { database: string };
    result: { runs: string[]; newest: number; unsound: number; leftovers: number };
  };
  /** Stores a small model and opens it; answers the refusal, as `readModel` does. */
  keepModel: { params: null; result: PlainError | null };
  readModel: { params: null; result: PlainError | null };
  chooseOver: { params: { kind: Unopenable; choice: SavesChoice }; result: ChosenSaves };
  saveInto: { params: { database: string }; result: PlainError | null };
}

export type CallName = keyof Calls;

export type Told =
  | { kind: "point"; point: string; place: string; isStopped: boolean }
  /** A save was acknowledged. */
  | { kind: "saved"; runId: string; step: number }
  /** A run is about to be deleted on request. */
  | { kind: "deleting"; runId: string };
