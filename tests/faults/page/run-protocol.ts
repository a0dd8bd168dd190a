// The words between a test of runs and the worker in its page.
import type { Recipe } from "../../../src/recipe/recipe.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";

/** A checkpoint's adapter, moments, counters, cursor and log as one hash. */
export interface Digest {
  step: number;
  sha256: string;
}

/**
 * Where a run's worker can be made to keep its thread: within the save of a step, when a lost
 * device is told of, before a buffer of a device that is being set up, and when the run has its new
 * device.
 */
export type Moment = `saved ${number}` | "recovering" | `buffer ${number}` | "rebuilt";

export interface Stand {
  at: Moment;
  /** For how long, which may be until the end of the worker. */
  ms: number;
}

export interface RunCalls {
  /** Starts a run of the demo. */
  start: { params: { recipe: Partial<Recipe> }; result: { runId: string } };
  /** Takes the newest checkpoint up and goes on. */
  resume: { params: undefined; result: { step: number } };
  /** All checkpoints of the newest run, by step. */
  digests: { params: undefined; result: Digest[] };
  /** Keeps the thread at these moments, one after the other. */
  standAt: { params: { stands: Stand[] }; result: null };
  /**
   * The k-th buffer from now on finds no room; -1 lets all be made. Answers the labels of those
   * made since it was asked last.
   */
  failBuffer: { params: { k: number }; result: string[] };
  /** Whether what `failBuffer` asks for is really refused. */
  refusesTooMany: { params: undefined; result: boolean };
  /** From now on every write to the database finds it full, or no longer. */
  fillDatabase: { params: { isFull: boolean }; result: null };
}

export type RunCallName = keyof RunCalls;

export type RunTold = SessionEvent | { kind: "standing"; moment: Moment };
