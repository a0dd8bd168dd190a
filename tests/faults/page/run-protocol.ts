// The words between a test of runs and the worker in its page.
import type { SessionEvent } from "../../../src/session/protocol.ts";
import type { Recipe } from "../../../src/train/recipe.ts";

/** A checkpoint's adapter, moments, counters, cursor and log as one hash. */
export interface Digest {
  step: number;
  sha256: string;
}

export interface RunCalls {
  /** Starts a run of the demo. */
  start: { params: { recipe: Partial<Recipe> }; result: { runId: string } };
  /** Takes the newest checkpoint up and goes on. */
  resume: { params: undefined; result: { step: number } };
  /** All checkpoints of the newest run, by step. */
  digests: { params: undefined; result: Digest[] };
  /** Keeps the thread within the save of each of these steps: for `ms`, which may be until the end of the worker. */
  standAt: { params: { steps: number[]; ms: number }; result: null };
  /** The k-th buffer from now on finds no room; -1 counts only. Answers how many were made since it was asked last. */
  failBuffer: { params: { k: number }; result: { made: number } };
}

export type RunCallName = keyof RunCalls;

export type RunTold = SessionEvent | { kind: "standing"; step: number };
