// Puts new keys and values where they belong in a layer's cache, for generation.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import source from "./store.wgsl?raw";

const workgroupSize = 64;

const kernel = defineKernel({
  name: "kv-store",
  source,
  constants: { WORKGROUP_SIZE: workgroupSize },
  bindings: {
    k: { use: "in", element: "vec4f" },
    v: { use: "in", element: "vec4f" },
    positions: { use: "constant", element: "u32" },
    cache_k: { use: "inout", element: "vec4f" },
    cache_v: { use: "inout", element: "vec4f" },
  },
  params: { rows: "u32", quads: "u32", capacity: "u32" },
});

export interface KvStoreShape {
  rows: number;
  /** Key/value heads * headDim. */
  width: number;
  /** Rows of the cache. */
  capacity: number;
}

export interface KvStoreTensors {
  /** [rows, width], after RoPE. */
  k: Tensor | View;
  /** [rows, width] */
  v: Tensor | View;
  /** u32 [rows], all different. */
  positions: Tensor | View;
  /** [capacity, width] */
  cacheK: Tensor | View;
  /** [capacity, width] */
  cacheV: Tensor | View;
}

/** Row i goes to row positions[i] of the caches, or nowhere when the cache ends before that. */
export function kvStore(
  { rows, width, capacity }: KvStoreShape,
  { k, v, positions, cacheK, cacheV }: KvStoreTensors,
): Dispatch {
  invariant(width % 4 === 0, `a key/value cache of width ${width}`);
  const quads = width / 4;
  return dispatch(kernel, {
    tensors: { k, v, positions, cache_k: cacheK, cache_v: cacheV },
    params: { rows, quads, capacity },
    grid: flatGrid(Math.ceil((rows * quads) / workgroupSize)),
    work: 2 * rows * width,
  });
}
