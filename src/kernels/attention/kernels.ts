// The kernels of attention, one module per head size, with a soft cap on scores and without. Their
// tiles follow from it: a thread per number of a head, and as many columns as make a 4 x 4 block of
// scores for each thread, within WebGPU's default 16 KiB of workgroup memory.
import { defineKernel, onePerVariant, type Binding } from "../../gpu/kernel.ts";
import { invariant } from "../../util/assert.ts";
import { withReduce } from "../reduce.ts";
import { softCapFunctions } from "../soft-cap/kernel.ts";
import backwardKeyValue from "./backward-key-value.wgsl?raw";
import backwardQuery from "./backward-query.wgsl?raw";
import cappedScores from "./capped-scores.wgsl?raw";
import forwardFew from "./forward-few.wgsl?raw";
import forward from "./forward.wgsl?raw";
import plainScores from "./plain-scores.wgsl?raw";
import tile from "./tile.wgsl?raw";

/** Query rows of a workgroup in `forward` and `backward-query`: eight for each thread's quad. */
export const queryTile = 32;

/** Key rows of a workgroup in `backward-key-value`: four, as each takes two sums. */
export const keyTile = 16;

/** Numbers in a workgroup's tables of scores: 12 of the 16 KiB of workgroup memory. */
const maxScores = 3072;

const sizes = { queries: "u32", keys: "u32", heads: "u32", kvHeads: "u32", scale: "f32" } as const;
const scores = {
  plain: { name: "", definitions: plainScores, params: {} },
  capped: {
    name: "capped-",
    definitions: `${softCapFunctions}\n${cappedScores}`,
    params: { softcap: "f32" },
  },
} as const;
export type ScoreKind = keyof typeof scores;

const quads = (use: Binding["use"]): Binding => ({ use, element: "vec4f" });
const ranges: Binding = { use: "constant", element: "vec2u" };
const inputs = { q: quads("in"), k: quads("in"), v: quads("in") };
const statsOf = (use: Binding["use"]): Binding => ({ use, element: "vec2f" });
const outputs: Record<string, Binding> = { o: quads("out"), rowStats: statsOf("out") };

/** @param tables of scores that the kernel keeps */
function tileConstants(headDim: number, rows: number, tables: number): Record<string, number> {
  invariant(headDim % 4 === 0 && headDim >= 8 && headDim <= 256, `attention heads of ${headDim}`);
  const blocks = Math.min(headDim / (rows / 4), maxScores / (4 * rows * tables));
  return {
    WORKGROUP_SIZE: headDim,
    ROWS: rows,
    COLUMNS: 4 * Math.floor(blocks),
    QUADS: headDim / 4,
  };
}

export const forwardKernel = onePerVariant((headDim: number, kind: ScoreKind) =>
  defineKernel({
    name: `attention-${scores[kind].name}${headDim}`,
    source: forward,
    definitions: `${tile}\n${scores[kind].definitions}`,
    constants: tileConstants(headDim, queryTile, 1),
    bindings: { ...inputs, ranges, ...outputs },
    params: { ...sizes, ...scores[kind].params },
  }),
);

export const forwardFewKernel = onePerVariant((headDim: number, kind: ScoreKind) =>
  defineKernel({
    name: `attention-few-${scores[kind].name}${headDim}`,
    source: forwardFew,
    ...withReduce(scores[kind].definitions),
    constants: { WORKGROUP_SIZE: 128, TILE: 1024, QUADS: headDim / 4 },
    bindings: { ...inputs, ranges, ...outputs },
    params: { heads: "u32", kvHeads: "u32", scale: "f32", ...scores[kind].params },
  }),
);

export const backwardQueryKernel = onePerVariant((headDim: number, kind: ScoreKind) =>
  defineKernel({
    name: `attention-backward-query-${scores[kind].name}${headDim}`,
    source: backwardQuery,
    definitions: `${tile}\n${scores[kind].definitions}`,
    constants: tileConstants(headDim, queryTile, 1),
    bindings: {
      ...inputs,
      o: quads("in"),
      dO: quads("in"),
      rowStats: statsOf("inout"),
      ranges,
      dQ: quads("out"),
    },
    params: { ...sizes, ...scores[kind].params },
  }),
);

export const backwardKeyValueKernel = onePerVariant((headDim: number, kind: ScoreKind) =>
  defineKernel({
    name: `attention-backward-key-value-${scores[kind].name}${headDim}`,
    source: backwardKeyValue,
    definitions: `${tile}\n${scores[kind].definitions}`,
    constants: tileConstants(headDim, keyTile, 2),
    bindings: {
      ...inputs,
      dO: quads("in"),
      rowStats: statsOf("in"),
      ranges,
      dK: quads("out"),
      dV: quads("out"),
    },
    params: { ...sizes, ...scores[kind].params },
  }),
);
