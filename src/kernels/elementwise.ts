// Elementwise kernels: a thread per item, so that a kernel's WGSL is its formula and each(index).
import { defineKernel, type Kernel, type KernelSpec } from "../gpu/kernel.ts";
import { flatGrid, type Grid } from "../gpu/plan.ts";
import main from "./elementwise.wgsl?raw";

const workgroupSize = 64;

export interface ElementwiseSpec extends KernelSpec {
  /** WGSL that defines `fn each(index : u32)`, without barriers: no item waits for another. */
  source: string;
  /** WGSL expression of the number of items, from params and constants. */
  items: string;
}

/** A kernel that calls `each` once for every index below `items`. */
export function elementwise({ items, source, constants, ...spec }: ElementwiseSpec): Kernel {
  const count = `fn item_count() -> u32 { return ${items}; }`;
  return defineKernel({
    ...spec,
    source: [source, count, main].join("\n"),
    constants: { WORKGROUP_SIZE: workgroupSize, ...constants },
  });
}

/** The grid of an elementwise kernel. */
export function gridOver(items: number): Grid {
  return flatGrid(Math.ceil(items / workgroupSize));
}
