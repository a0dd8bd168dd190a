// FlashAttention (Dao et al. 2022, arXiv:2205.14135; FlashAttention-2, Dao 2023, arXiv:2307.08691):
// forward and backward without a query x key matrix in memory.
//
// Forward keeps o and, per row and head, lse = log(sum of exp(s)). Backward recomputes the scores s
// from q and k, tile by tile, and p = exp(s - lse) needs no second maximum or sum. The gradient of
// softmax, dS = p * (dP - sum_j p dP), needs one more number a row: sum_j p dP = dot(o, dO), which
// backward-query.wgsl writes next to lse. So memory is linear in the length.
//
// Backward is two kernels, one per query tile for dQ and one per key tile for dK and dV: each sums
// its own rows in a fixed order, where one kernel would need atomics. The price: both compute
// s and dP, seven products of queries and keys, five in the paper, two in forward. Visibility comes
// as tables of ranges (ranges.ts): segments, sliding windows and caches are one case.
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import {
  backwardKeyValueKernel,
  backwardQueryKernel,
  forwardFewKernel,
  forwardKernel,
  keyTile,
  queryTile,
  type ScoreKind,
} from "./kernels.ts";

/**
 * Up to here a workgroup per row does less than one per tile, most of whose rows would be missing.
 */
const fewQueries = 4;

export interface AttentionShape {
  /** Rows of q. */
  queries: number;
  /** Rows of k and v; those of a cache may outnumber the queries. */
  keys: number;
  heads: number;
  /** Query head h uses key/value head floor(h / (heads / kvHeads)). */
  kvHeads: number;
  /** A multiple of 4 from 8 to 256. */
  headDim: number;
  /** What scores are multiplied by, usually 1 / sqrt(headDim). */
  scale: number;
  /** Scores become softcap * tanh(score / softcap); null for none. */
  softcap: number | null;
}

export interface AttentionTensors {
  /** [queries, heads * headDim] */
  q: Tensor | View;
  /** [keys, kvHeads * headDim] */
  k: Tensor | View;
  /** [keys, kvHeads * headDim] */
  v: Tensor | View;
  /**
   * u32 [queries, 2]: row i attends to the keys from ranges[i, 0] to before ranges[i, 1]; none give
   * o = 0 and a log-sum-exp of 0.
   */
  ranges: Tensor | View;
  /** [queries, heads * headDim] */
  o: Tensor | View;
  /**
   * [queries, heads, 2]: log-sum-exp of the scores, which backward needs; then 0, in whose place
   * backward puts dot(o, dO).
   */
  rowStats: Tensor | View;
}

export interface AttentionBackwardTensors extends AttentionTensors {
  /** [queries, heads * headDim]: the gradient of o. */
  dO: Tensor | View;
  /**
   * u32 [keys, 2]: key j is seen by the queries from keyRanges[j, 0] to before keyRanges[j, 1];
   * made by `keyRanges`.
   */
  keyRanges: Tensor | View;
  /** [queries, heads * headDim] */
  dQ: Tensor | View;
  /** [keys, kvHeads * headDim] */
  dK: Tensor | View;
  /** [keys, kvHeads * headDim] */
  dV: Tensor | View;
}

/** Writes o and rowStats. */
export function attention(
  shape: AttentionShape,
  { q, k, v, ranges, o, rowStats }: AttentionTensors,
): Dispatch {
  const { queries, heads, kvHeads, headDim } = shape;
  const tensors = { q, k, v, ranges, o, rowStats };
  if (queries > fewQueries) {
    return dispatch(forwardKernel(headDim, kindOf(shape)), {
      tensors,
      params: paramsOf(shape),
      grid: [Math.ceil(queries / queryTile), heads, 1],
      work: 2 * macs(shape),
    });
  }
  return dispatch(forwardFewKernel(headDim, kindOf(shape)), {
    tensors,
    params: { heads, kvHeads, ...scoreParams(shape) },
    grid: [queries, heads, 1],
    work: 2 * macs(shape),
  });
}

/** Writes dQ, dK and dV: two dispatches. */
export function attentionBackward(
  shape: AttentionShape,
  { q, k, v, ranges, o, rowStats, dO, keyRanges, dQ, dK, dV }: AttentionBackwardTensors,
): Dispatch[] {
  const { queries, keys, heads, kvHeads, headDim } = shape;
  const inputs = { q, k, v, dO, rowStats };
  return [
    dispatch(backwardQueryKernel(headDim, kindOf(shape)), {
      tensors: { ...inputs, o, ranges, dQ },
      params: paramsOf(shape),
      grid: [Math.ceil(queries / queryTile), heads, 1],
      work: 3 * macs(shape),
    }),
    dispatch(backwardKeyValueKernel(headDim, kindOf(shape)), {
      tensors: { ...inputs, ranges: keyRanges, dK, dV },
      params: paramsOf(shape),
      grid: [Math.ceil(keys / keyTile), kvHeads, 1],
      work: 4 * macs(shape),
    }),
  ];
}

function kindOf({ softcap }: AttentionShape): ScoreKind {
  return softcap === null ? "plain" : "capped";
}

function paramsOf(shape: AttentionShape) {
  const { queries, keys, heads, kvHeads } = shape;
  invariant(heads % kvHeads === 0, `${heads} query heads share ${kvHeads} key heads`);
  return { queries, keys, heads, kvHeads, ...scoreParams(shape) };
}

function scoreParams({ scale, softcap }: AttentionShape) {
  return { scale, ...(softcap !== null && { softcap }) };
}

/** Multiply-adds of one product of queries and keys; half of them for a causal square. */
function macs({ queries, keys, heads, headDim }: AttentionShape): number {
  return queries * (keys - Math.min(queries, keys) / 2) * heads * headDim;
}
