// The messages between a test of runs and the worker in its page.
import type { Recipe } from "../../../src/recipe/recipe.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";

/** A checkpoint's adapter, moments, counters, cursor and log as one hash. */
export interface Digest {
  step: number;
  sha256: string;
}

/**
 * Where a run's worker can pause: in the save of a step, when a device loss is reported, before a
 * buffer of the set-up, and when the device is rebuilt.
 */
export type Moment = `saved ${number}` | "recovering" | `buffer ${number}` | "rebuilt";

export interface Stand {
  at: Moment;
  /** The length of the pause; may outlast the worker. */
  ms: number;
}

export interface RunCalls {
  /** Starts a run of the demo. */
  start: { params: { recipe: Partial<Recipe> }; result: { runId: string } };
  /** Resumes from the newest checkpoint. */
  resume: { params: undefined; result: { step: number } };
  /** All checkpoints of the newest run, by step. */
  digests: { params: undefined; result: Digest[] };
  /** Blocks the thread at these moments, in order. */
  standAt: { params: { stands: Stand[] }; result: null };
  /**
   * Refuses the k-th buffer from now; -1 refuses none. Returns the labels of the buffers created
   * since the last call.
   */
  failBuffer: { params: { k: number }; result: string[] };
  /** True when the size that `failBuffer` requests is really refused. */
  refusesTooMany: { params: undefined; result: boolean };
  /** Starts or stops failing every database write with a quota error. */
  fillDatabase: { params: { isFull: boolean }; result: null };
}

export type RunCallName = keyof RunCalls;

export type RunTold = SessionEvent | { kind: "standing"; moment: Moment };
