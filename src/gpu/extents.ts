// The extents of a program: the grids and params of its dispatches. They alone differ between a
// program over many rows and the same program over fewer, so both share kernels, memory and bind
// groups.
import { invariant } from "../util/assert.ts";
import type { Kernel } from "./kernel.ts";
import type { Dispatch, Program } from "./plan.ts";
import type { UniformStruct } from "./uniform-struct.ts";

/** What a dispatch computes over. */
export interface Extent extends Pick<Dispatch, "params" | "grid" | "work"> {
  /** Of the params. */
  readonly struct: UniformStruct;
}

/** Dispatches by extent: layers repeat each other, so a few dozen extents do for thousands. */
export interface Extents {
  /** For each dispatch the index of its extent. */
  readonly indexes: readonly number[];
  readonly distinct: readonly Extent[];
}

/** Programs never change. */
const known = new WeakMap<Program, Extents>();

/** Dispatches of one kernel with equal params, grid and condition share an extent. */
export function extentsOf(program: Program): Extents {
  const before = known.get(program);
  if (before !== undefined) {
    return before;
  }
  const byKernel = new Map<Kernel, Map<string, number>>();
  const distinct: Extent[] = [];
  const indexes = program.dispatches.map(({ kernel, params, grid, work, skipUpToCount }) => {
    const ofKernel = byKernel.get(kernel) ?? new Map<string, number>();
    byKernel.set(kernel, ofKernel);
    const key = [...params, "grid", ...grid, skipUpToCount].join();
    const struct = kernel.params;
    const index = ofKernel.get(key) ?? distinct.push({ struct, params, grid, work }) - 1;
    ofKernel.set(key, index);
    return index;
  });
  const extents = { indexes, distinct };
  known.set(program, extents);
  return extents;
}

/**
 * The distinct extents of a program, over fewer rows.
 * @param shorter the same program recorded for fewer rows: its kernels in its order
 * @throws Error where a kernel differs, or dispatches with one extent would have two
 */
export function shortened(program: Program, shorter: Program): readonly Extent[] {
  const { name, dispatches } = program;
  const { indexes, distinct } = extentsOf(program);
  invariant(
    shorter.dispatches.length === dispatches.length,
    `a shorter ${name} is another program`,
  );
  const own = extentsOf(shorter);
  const result: Extent[] = [];
  indexes.forEach((index, at) => {
    const isSame = shorter.dispatches[at]?.kernel === dispatches[at]?.kernel;
    const extent = own.distinct[own.indexes[at] ?? -1];
    invariant(isSame && extent !== undefined, `dispatch ${at} of a shorter ${name} differs`);
    result[index] ??= extent;
    invariant(areEqual(result[index], extent), `two extents for dispatch ${at} of ${name}`);
  });
  invariant(result.length === distinct.length, `a shorter ${name} lacks extents`);
  return result;
}

function areEqual(a: Extent, b: Extent): boolean {
  return (
    a === b ||
    (a.params.every((value, index) => value === b.params[index]) &&
      a.grid.every((size, axis) => size === b.grid[axis]))
  );
}
