// Writes new keys and values to their positions in a layer's cache, for generation.
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import source from "./store.wgsl?raw";

const kernel = elementwise({
  name: "kv-store",
  source,
  items: "params.rows * params.quads",
  bindings: {
    k: { use: "in", element: "vec4f" },
    v: { use: "in", element: "vec4f" },
    positions: { use: "constant", element: "u32" },
    cacheK: { use: "inout", element: "vec4f" },
    cacheV: { use: "inout", element: "vec4f" },
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
  /** u32 [rows], distinct. */
  positions: Tensor | View;
  /** [capacity, width] */
  cacheK: Tensor | View;
  /** [capacity, width] */
  cacheV: Tensor | View;
}

/** cache[positions[i], :] = row i, for keys and values; drops positions past the capacity. */
export function kvStore(
  { rows, width, capacity }: KvStoreShape,
  tensors: KvStoreTensors,
): Dispatch {
  invariant(width % 4 === 0, `a key/value cache of width ${width}`);
  const quads = width / 4;
  return dispatch(kernel, {
    tensors: { ...tensors },
    params: { rows, quads, capacity },
    grid: gridOver(rows * quads),
    work: 2 * rows * width,
  });
}
