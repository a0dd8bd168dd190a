// What the held-out losses in a log say: the best step, and a verdict against the untrained model.
import type { LogEntry } from "./state.ts";

/** A held-out loss and the step after which it was measured. */
export interface Measured {
  step: number;
  heldOutLoss: number;
}

/** Before the first step; null where that was not measured. */
export function startOf(log: readonly LogEntry[]): number | null {
  return measuredIn(log).find(({ step }) => step === 0)?.heldOutLoss ?? null;
}

/**
 * The lowest held-out loss after a step, where it is below that of the untrained model; the earlier
 * of two equal. Null where no step made the model better.
 */
export function bestOf(log: readonly LogEntry[]): Measured | null {
  const lowest = lowestOf(trained(log));
  return lowest !== null && lowest.heldOutLoss < (startOf(log) ?? Infinity) ? lowest : null;
}

/** How far a run has come against the untrained model. */
export type Verdict =
  /** No rows are held out. */
  | { kind: "no-rows" }
  /** `start` is null until it is measured, and where a run has no measure of its start. */
  | { kind: "not-yet"; start: number | null }
  | {
      kind: "learned" | "little" | "worse";
      start: number;
      /** The lowest after a step; the earlier of two equal. */
      lowest: Measured;
      last: Measured;
      /** Whether the loss of the training rows themselves has fallen. */
      fitsItsRows: boolean;
      /** The steps are too large: even the rows that are trained fit no better, or worse. */
      isRateTooHigh: boolean;
    };

/**
 * Share of the loss before training that makes a difference. A mean over some dozen rows moves by
 * less without anything learned.
 */
const noticeable = 0.02;

/** The same for the training loss, which is of a few rows a step, and of others in each. */
const noticeableInTraining = 0.05;

/** @param hasHeldOut whether the run holds out rows */
export function verdictOf(log: readonly LogEntry[], hasHeldOut: boolean): Verdict {
  if (!hasHeldOut) {
    return { kind: "no-rows" };
  }
  const start = startOf(log);
  const after = trained(log);
  const lowest = lowestOf(after);
  const last = after.at(-1);
  if (start === null || lowest === null || last === undefined) {
    return { kind: "not-yet", start };
  }
  const margin = noticeable * start;
  const hasLearned = start - lowest.heldOutLoss >= margin;
  const isWorse = last.heldOutLoss - start >= margin;
  const kind = hasLearned ? "learned" : isWorse ? "worse" : "little";
  const { before, after: trainedLoss } = trainingLosses(log, start);
  const fitsItsRows = trainedLoss <= Math.min(...before) * (1 - noticeableInTraining);
  const hasRisen = trainedLoss >= Math.max(...before) * (1 + noticeableInTraining);
  const isRateTooHigh = kind === "worse" ? !fitsItsRows : kind === "little" && hasRisen;
  return { kind, start, lowest, last, fitsItsRows, isRateTooHigh };
}

/**
 * The loss of the last steps, and what it was before training by two measures: the first step's,
 * which is of few rows, and that of the held-out rows, which may be of another kind.
 */
function trainingLosses(log: readonly LogEntry[], start: number) {
  const losses = log.flatMap(({ loss }) => loss ?? []);
  const lastLosses = losses.slice(-Math.min(10, Math.ceil(losses.length / 4)));
  const after = lastLosses.reduce((sum, loss) => sum + loss, 0) / lastLosses.length;
  return { before: [losses[0] ?? start, start], after };
}

function measuredIn(log: readonly LogEntry[]): Measured[] {
  return log.flatMap(({ step, heldOutLoss }) =>
    heldOutLoss === undefined ? [] : [{ step, heldOutLoss }],
  );
}

/** Those after a step. */
export function trained(log: readonly LogEntry[]): Measured[] {
  return measuredIn(log).filter(({ step }) => step > 0);
}

function lowestOf(measured: readonly Measured[]): Measured | null {
  return measured.reduce<Measured | null>(
    (lowest, each) => (lowest === null || each.heldOutLoss < lowest.heldOutLoss ? each : lowest),
    null,
  );
}
