// Real tokens a second over rows of ordinary, uneven lengths, in the default recipe's batches: this
// checkout and an older one, step by step in turn, on the same rows.
import { initialAdapter } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import {
  batchLength,
  fillBatch,
  rowTokens,
  type TokenBatch,
} from "../../../src/data/batching/batch.ts";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { Engine } from "../../../src/engine/contract.ts";
import { computedTokens } from "../../../src/engine/computed-tokens.ts";
import { hyper, type OpenEngine } from "../contenders/engine-runs.ts";
import type { PaddingRow } from "../report.ts";
import { demo, lora } from "../shapes.ts";
import { timeOf } from "../timing.ts";
import { openOlder, type OlderModules } from "./older.ts";

/** Steps of the demo's shape. */
export interface PaddingRun {
  /** Tokens of the rows in their order; the run's shape follows from all of them. */
  lengths: readonly number[];
  microBatches: number;
  /** The checkout to compare with; null measures this one alone. */
  older: OlderModules | null;
}

/** The default recipe's. */
const rows = 4;
const microBatchesInStep = 2;

interface Side {
  name: string;
  engine: Engine;
  /** Tokens that it computes for a micro-batch. */
  computed: (batch: TokenBatch) => number;
  lossSums: number[];
  durationMs: number;
}

export async function measurePadding(open: OpenEngine, run: PaddingRun): Promise<PaddingRow[]> {
  const { lengths, microBatches, older } = run;
  const shape = { rows, length: batchLength(Math.max(...lengths)) };
  const mostTokens = shape.rows * shape.length;
  const batches = Array.from({ length: microBatches }, (_, index) =>
    madeUpRows(lengths.slice(index * rows, (index + 1) * rows), shape.length),
  );
  const computed = computedTokens("webgpu", shape);
  const flat = (batch: TokenBatch) => computed(rowTokens(batch));
  const config = demo.config;
  const sides = [sideOf("now", await open({ config, lora, shape }), flat)];
  if (older !== null) {
    sides.unshift(sideOf(older.revision, await openOlder(older, "demo", shape), () => mostTokens));
  }
  await stepInTurn(sides, batches);
  const realTokens = batches.flatMap(rowTokens).reduce((sum, tokens) => sum + tokens, 0);
  const expected = sides[0]?.lossSums ?? [];
  return sides.map(({ name, engine, computed, durationMs, lossSums }) => {
    const { plannedBytes } = engine.memory();
    engine.dispose();
    return {
      checkout: name,
      microBatches,
      realTokens,
      computedPerReal: batches.reduce((sum, batch) => sum + computed(batch), 0) / realTokens,
      seconds: durationMs / 1000,
      realTokensPerSecond: (realTokens / durationMs) * 1000,
      lossSum: lossSums.reduce((sum, loss) => sum + loss, 0),
      lossGap: Math.max(
        ...lossSums.map((loss, step) => Math.abs(loss / (expected[step] ?? NaN) - 1)),
      ),
      plannedBytes,
    };
  });
}

function sideOf(name: string, engine: Engine, computed: Side["computed"]): Side {
  return { name, engine, computed, lossSums: [], durationMs: 0 };
}

/** Optimizer steps from the same adapter; kernels compile in one step before, which is undone. */
async function stepInTurn(sides: readonly Side[], batches: readonly TokenBatch[]): Promise<void> {
  const adapter: AdapterState = initialAdapter(loraTargets(demo.config, lora), lora.rank, 1);
  for (const { engine } of sides) {
    engine.writeState(adapter);
    await engine.step(batches.slice(0, microBatchesInStep), { ...hyper, step: 1 });
    engine.writeState(adapter);
  }
  for (let first = 0; first < batches.length; first += microBatchesInStep) {
    const taken = batches.slice(first, first + microBatchesInStep);
    for (const side of sides) {
      side.durationMs += await timeOf(async () => {
        const step = first / microBatchesInStep + 1;
        side.lossSums.push((await side.engine.step(taken, { ...hyper, step })).lossSum);
      });
    }
  }
}

/** Rows whose second half is trained, as the answer to a prompt is. */
function madeUpRows(lengths: readonly number[], length: number): TokenBatch {
  const examples = lengths.map((tokens, row) => [
    {
      tokens: Array.from(
        { length: tokens },
        (_, at) => (31 * at + 7 * row) % demo.config.vocabSize,
      ),
      isTrained: Array.from({ length: tokens }, (_, at) => 2 * at >= tokens),
    },
  ]);
  return fillBatch(examples, rows, length);
}
