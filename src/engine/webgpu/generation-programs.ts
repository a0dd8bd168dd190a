// The programs of generation: passes over 128, 64 and one token, with the adapter and without.
import type { Program } from "../../gpu/plan.ts";
import { BatchTables } from "./batch-tables.ts";
import { generationPass, generationState, type GenerationState } from "./generation-pass.ts";
import type { ModelTensors } from "./model-tensors.ts";

/** A program that takes up to `tables.tokens` tokens into the caches. */
export interface GenerationPass {
  tables: BatchTables;
  program: Program;
}

export interface GenerationPrograms {
  state: GenerationState;
  /** With the adapter and without, each by tokens: the most first, a single one last. */
  adapted: readonly GenerationPass[];
  base: readonly GenerationPass[];
}

/**
 * Tokens of the passes. Tiles of products are 64 rows high, so 32 tokens take as long as 64; 128 at
 * a time read each weight half as often. A single one takes the matrix-vector product.
 */
const passTokens = [128, 64, 1];

/** @param capacity tokens of prompt and answer together */
export function generationPrograms(model: ModelTensors, capacity: number): GenerationPrograms {
  const state = generationState(model, capacity);
  const fitting = new Set(passTokens.map((tokens) => Math.min(tokens, capacity)));
  const { slidingWindow: span } = model.config;
  const tables = [...fitting].map((tokens) => new BatchTables(tokens, { span }));
  const passes = (hasAdapter: boolean) =>
    tables.map((own) => ({
      tables: own,
      program: generationPass(model, own, state, hasAdapter),
    }));
  return { state, adapted: passes(true), base: passes(false) };
}

/** All programs, for the plan of memory. */
export function programsOf({ adapted, base }: GenerationPrograms): Program[] {
  return [...adapted, ...base].map(({ program }) => program);
}
