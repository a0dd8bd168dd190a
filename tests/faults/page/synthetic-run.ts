// Synthetic runs, a function of id and step, so that a loaded run can be compared without the
// original.
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { LogEntry } from "../../../src/train/state.ts";
import { exampleRun } from "../../unit/checkpoint/example-run.ts";

/** The run whose log is stored in pieces. */
export const mainRun = "main";

/**
 * @param values numbers in each part of each tensor; random, because browsers compress stored data
 */
export function syntheticRun(runId: string, step: number, values: number): RunState {
  const run = exampleRun({ runId, step, columns: 1 });
  const next = generator(seedOf(`${runId} ${step}`));
  const part = () => Float32Array.from({ length: values }, next);
  return {
    ...run,
    trainer: { ...run.trainer, log: runId === mainRun ? longLog(run) : run.trainer.log },
    adapter: {
      tensors: run.adapter.tensors.map(({ name }) => ({
        name,
        shape: name.includes("lora_A") ? [1, values] : [values, 1],
        values: part(),
        moment1: part(),
        moment2: part(),
      })),
    },
  };
}

/** Two pieces and an end: the first piece is the same in all saves, the second in none. */
function longLog({ trainer }: RunState): LogEntry[] {
  const entries = Array.from({ length: 260 }, (_, i) => {
    return { step: 0, epoch: 0, loss: i / 7, ...(i >= 128 && { gradNorm: trainer.step / 7 }) };
  });
  return [...entries, ...trainer.log];
}

/** Mulberry32 generator: 24 random bits as a number in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 8) / 2 ** 24;
  };
}

function seedOf(text: string): number {
  return new TextEncoder()
    .encode(text)
    .reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 7);
}
