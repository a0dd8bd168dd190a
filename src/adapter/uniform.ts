// Makes one adapter of pairs with several ranks and scalings, as PEFT's patterns give them: every
// target of the model gets a pair of one rank and one scaling that computes the same.
import { adapterShapes } from "./lora.ts";
import type { AdapterState, AdapterTensor } from "./state.ts";
import type { LoraTarget } from "./targets.ts";

/** A LoRA matrix, row-major. */
export interface LoraMatrix {
  shape: readonly [number, number];
  values: Float32Array;
}

/** Adds `alpha / rank * B A` to a module; rank is that of the matrices. */
export interface LoraPair {
  /** `[rank, in]` */
  a: LoraMatrix;
  /** `[out, rank]` */
  b: LoraMatrix;
  alpha: number;
}

export interface UniformAdapter {
  /** The largest of the pairs. */
  rank: number;
  alpha: number;
  /** In the engine's order, with moments at zero. */
  adapter: AdapterState;
  /** Modules whose pair has a smaller rank. */
  padded: string[];
  /** Modules whose B is scaled, because their alpha / rank is not that of most. */
  scaled: string[];
  /** Modules of the model without a pair. */
  empty: string[];
}

/**
 * A smaller rank is filled up with zeros in A and in B, and a target without a pair gets zeros.
 * Both stay zero in training: where A and B are zero, so are the gradients of both. A pair of
 * another scaling has it folded into B, which computes the same; B then learns at another rate.
 * @param pairs by module path, at least one, each of a target and of its sizes
 */
export function uniformAdapter(
  pairs: ReadonlyMap<string, LoraPair>,
  targets: readonly LoraTarget[],
): UniformAdapter {
  const rank = Math.max(...[...pairs.values()].map(rankOf));
  const alpha = alphaOfMost([...pairs.values()], rank);
  const shapes = adapterShapes(targets, rank);
  const tensors = targets.flatMap(({ module }, index) => {
    const pair = pairs.get(module);
    const [a, b] = [shapes[2 * index], shapes[2 * index + 1]];
    return [
      tensorOf(a, (values) => {
        values.set(pair?.a.values ?? []); // the pair's rows come first
      }),
      tensorOf(b, (values) => {
        if (pair !== undefined) {
          fillB(values, pair, rank, factorOf(pair, rank, alpha));
        }
      }),
    ];
  });
  const modulesWith = (isSo: (pair: LoraPair) => boolean) =>
    [...pairs].filter(([, pair]) => isSo(pair)).map(([module]) => module);
  return {
    rank,
    alpha,
    adapter: { tensors },
    padded: modulesWith((pair) => rankOf(pair) < rank),
    scaled: modulesWith((pair) => factorOf(pair, rank, alpha) !== 1),
    empty: targets.map(({ module }) => module).filter((module) => !pairs.has(module)),
  };
}

function rankOf({ a }: LoraPair): number {
  return a.shape[0];
}

/** The alpha that gives rank the scaling of most pairs; of the first where several are most. */
function alphaOfMost(pairs: readonly LoraPair[], rank: number): number {
  const counts = new Map<number, number>();
  for (const pair of pairs) {
    const alpha = alphaAt(pair, rank);
    counts.set(alpha, (counts.get(alpha) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  return [...counts].find(([, count]) => count === most)?.[0] ?? 1;
}

/** Alpha that keeps the pair's scaling at another rank; exactly its own at its own rank. */
function alphaAt(pair: LoraPair, rank: number): number {
  const own = rankOf(pair);
  return own === rank ? pair.alpha : (pair.alpha / own) * rank;
}

function factorOf(pair: LoraPair, rank: number, alpha: number): number {
  return alphaAt(pair, rank) / alpha;
}

function tensorOf(
  spec: Pick<AdapterTensor, "name" | "shape"> | undefined,
  fill: (values: Float32Array) => void,
): AdapterTensor {
  const { name, shape } = spec ?? { name: "", shape: [0, 0] as const };
  const size = shape[0] * shape[1];
  const values = new Float32Array(size);
  fill(values);
  return {
    name,
    shape,
    values,
    moment1: new Float32Array(size),
    moment2: new Float32Array(size),
  };
}

function fillB(values: Float32Array, { b }: LoraPair, rank: number, factor: number): void {
  const [rows, own] = b.shape;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < own; column++) {
      values[row * rank + column] = factor * (b.values[row * own + column] ?? 0);
    }
  }
}
