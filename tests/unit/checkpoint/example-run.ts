// A small run with every field set, and floats that only an exact copy preserves.
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { demoRecipe } from "../../../src/recipe/recipe.ts";

export interface RunChoice {
  runId?: string;
  step?: number;
  heldOutLoss?: number | null;
  /** Before the first step; null for a log without it. */
  startHeldOutLoss?: number | null;
  /** Values of one matrix; more give a larger file. */
  columns?: number;
  dataSha256?: string;
}

/** Names in the engine's order, which is not the alphabetical order of the file. */
const names = ["q_proj.lora_A", "q_proj.lora_B", "k_proj.lora_A", "k_proj.lora_B"];
const awkward = [-0, 1e-45, 3.4028234663852886e38, -1.17549435e-38, 0.1];

export function exampleRun(choice: RunChoice = {}): RunState {
  const { runId = "run-1", step = 20, heldOutLoss = 1.5, columns = 5 } = choice;
  const { startHeldOutLoss = 3.25 } = choice;
  return {
    runId,
    startedAt: 1_763_800_000_000,
    recipe: { ...demoRecipe, targetModules: ["q_proj", "k_proj"], seed: 7 },
    base: {
      source: "demo",
      name: "demo ä \ud83d\ude00",
      revision: null,
      indexSha256: "a".repeat(64),
      weightFormat: "q4/64",
      licence: "apache-2.0",
    },
    data: {
      source: "file",
      name: 'rows "1".jsonl',
      sizeBytes: 1000,
      sha256: choice.dataSha256 ?? "b".repeat(64),
      rows: 100,
      heldOutLines: [99, 100],
    },
    trainer: {
      step,
      totalSteps: 1000,
      cursor: { epoch: 1, row: 12 },
      tokensSeen: 4321,
      best: heldOutLoss === null ? null : { step, heldOutLoss },
      log: [
        ...(startHeldOutLoss === null
          ? []
          : [{ step: 0, epoch: 0, heldOutLoss: startHeldOutLoss }]),
        {
          step,
          epoch: 0.1 + 0.2,
          loss: 2.0000000000000004,
          learningRate: 5e-324,
          gradNorm: 0.5,
          supervisedTokens: 77,
          ...(heldOutLoss !== null && { heldOutLoss }),
        },
      ],
    },
    adapter: exampleAdapter(columns, step),
  };
}

function exampleAdapter(columns: number, step: number): AdapterState {
  const matrix = (offset: number) =>
    Float32Array.from({ length: 2 * columns }, (_, i) => awkward[i] ?? offset + i / 7);
  return {
    tensors: names.map((name, i) => ({
      name: `base_model.model.model.layers.0.self_attn.${name}.weight`,
      shape: name.endsWith("A") ? [2, columns] : [columns, 2],
      values: matrix(step + i),
      moment1: matrix(-i),
      moment2: matrix(100 + i),
    })),
  };
}

/** The 32-bit patterns, in which -0 differs from 0. */
export function bitsOf(values: Float32Array): number[] {
  return Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length));
}
