// The contenders: implementations of the same programs. `compare...` throws when their results
// differ.
import type { RebuildRun } from "./rebuilds.ts";
import type { RebuildRow } from "../report.ts";
import type { Engine } from "../../../src/engine/contract.ts";
import type { BlockInputs, ProductInputs } from "../inputs.ts";
import type { TimedProgram } from "../timing.ts";
import type { EngineOptions } from "./engine-options.ts";

export const matmulFormats = ["f32", "f16", "q4"] as const;
export type MatmulFormat = (typeof matmulFormats)[number];

/** The results of a block's pass. */
export interface LossAndNorm {
  loss: number;
  /** Root of the sum of squares of all 14 gradients. */
  gradNorm: number;
}

export interface TimedBlock extends TimedProgram {
  /** Of the last run. */
  result: () => Promise<LossAndNorm>;
}

export interface TimedProduct extends TimedProgram {
  /** [m, n] of the last run. */
  result: () => Promise<Float32Array>;
}

/** An implementation that is compared with the others. */
export interface Contender {
  /** A block forward and backward. */
  block: (inputs: BlockInputs) => Promise<TimedBlock>;
  /** x weight^T. */
  product: (inputs: ProductInputs) => Promise<TimedProduct>;
  dispose: () => Promise<unknown>;
}

/** The methods of the compiled engine. */
export interface CompiledContender extends Omit<Contender, "product"> {
  product: (inputs: ProductInputs, format: MatmulFormat) => Promise<TimedProduct>;
  /** Waits for an adapter through `writeState`. */
  engine: (options: EngineOptions) => Promise<Engine>;
  rebuild: (run: RebuildRun) => Promise<RebuildRow>;
}

/** @throws Error when the relative error of a block's loss or gradient norm exceeds 1e-3 */
export function compareBlocks(results: ReadonlyMap<string, LossAndNorm>): void {
  const [[reference, expected] = ["", { loss: NaN, gradNorm: NaN }]] = results;
  for (const [name, actual] of results) {
    for (const key of ["loss", "gradNorm"] as const) {
      const gap = Math.abs(actual[key] - expected[key]) / Math.abs(expected[key]);
      if (!(gap < 1e-3)) {
        throw new Error(
          `The blocks differ: ${key} is ${actual[key]} in ${name} and ${expected[key]} in ${reference}.`,
        );
      }
    }
  }
}

/**
 * Limits of the root mean square error relative to the product's: rounding of f32 and f16, steps of
 * a sixteenth of the range for q4.
 */
const tolerances: Record<MatmulFormat, number> = { f32: 1e-4, f16: 1e-3, q4: 0.15 };

/** @throws Error when the error of a product exceeds the limit of its format */
export function compareProducts(
  name: string,
  format: MatmulFormat,
  actual: Float32Array,
  expected: Float32Array,
): void {
  let gap = 0;
  let size = 0;
  expected.forEach((value, index) => {
    gap += (value - (actual[index] ?? NaN)) ** 2;
    size += value ** 2;
  });
  const error = Math.sqrt(gap / size);
  if (!(error < tolerances[format])) {
    throw new Error(`The products differ: ${name} in ${format} has relative error ${error}.`);
  }
}

/** Root of the sum of squares over all lists. */
export function normOf(lists: readonly ArrayLike<number>[]): number {
  let sum = 0;
  for (const list of lists) {
    for (let index = 0; index < list.length; index++) {
      sum += (list[index] ?? NaN) ** 2;
    }
  }
  return Math.sqrt(sum);
}
