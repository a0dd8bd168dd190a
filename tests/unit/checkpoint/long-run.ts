// A run with a log of a full size: an entry for each step, every tenth with a held-out loss.
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { LogEntry } from "../../../src/train/state.ts";
import { exampleRun } from "./example-run.ts";

/** Steps from which on a run went another way. */
export interface Fork {
  after: number;
  loss: number;
}

/** @param forks each with losses of its own from its step on */
export function longRun(step: number, ...forks: Fork[]): RunState {
  const run = exampleRun({ step });
  const log = Array.from({ length: step }, (_, i) => entryOf(i + 1, forks));
  return {
    ...run,
    trainer: { ...run.trainer, totalSteps: 1_000_000, best: null, log },
  };
}

function entryOf(step: number, forks: readonly Fork[]): LogEntry {
  const shift = forks.findLast(({ after }) => step > after)?.loss ?? 0;
  return {
    step,
    epoch: step / 1237,
    loss: 2 + Math.sin(step) / 3 + shift,
    learningRate: 1e-4 * Math.cos(step / 40_000),
    gradNorm: 0.5 + Math.sin(7 * step) / 3,
    supervisedTokens: 700 + (step % 97),
    ...(step % 10 === 0 && { heldOutLoss: 2.5 - step / 200_000 }),
  };
}
