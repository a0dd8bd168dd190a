// Programs as data: tensors, and the dispatches that use them in order. Their memory and work are
// known without a GPU.
import { invariant } from "../util/assert.ts";
import type { Kernel } from "./kernel.ts";

/** WebGPU's default minStorageBufferOffsetAlignment: offsets of views and arena tensors. */
export const alignmentBytes = 256;

/**
 * Named bytes. `arena`: alive from first to last use. `lent`: in an arena too, alive through all
 * programs that use it; any other program may overwrite it. `buffer`: kept in a GPUBuffer.
 */
export interface Tensor {
  readonly label: string;
  readonly sizeBytes: number;
  readonly home: "arena" | "lent" | "buffer";
  /** The tensor of its size whose buffer it takes turns in; left out, it has its own. */
  readonly turnsWith?: Tensor;
}

/** A part of a tensor. Its offset is a multiple of `alignmentBytes`. */
export interface View {
  readonly tensor: Tensor;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export type Grid = readonly [x: number, y: number, z: number];

export interface Dispatch {
  readonly kernel: Kernel;
  /** In the order of the kernel's bindings. */
  readonly views: readonly View[];
  /** In the order of the kernel's params. */
  readonly params: readonly number[];
  /** Workgroups. */
  readonly grid: Grid;
  /** Multiply-adds, roughly: its duration relative to others. */
  readonly work: number;
  /** Left out of a run over at most this many items (see Runner.run); -1 is always done. */
  readonly skipUpToCount: number;
}

export interface Program {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
  /** Named places: for each the index of the dispatch that begins it. */
  readonly marks?: Readonly<Record<string, number>>;
}

/** The distinct kernels of programs. */
export function kernelsOf(programs: readonly Program[]): Set<Kernel> {
  return new Set(programs.flatMap(({ dispatches }) => dispatches.map(({ kernel }) => kernel)));
}

/** A tensor that is alive from its first to its last use. @param elements of 4 bytes */
export function scratch(label: string, elements: number): Tensor {
  return makeTensor(label, elements * 4, "arena");
}

/**
 * A tensor that some programs hand on, for as long as no other program runs. @param elements of 4
 * bytes
 */
export function lent(label: string, elements: number): Tensor {
  return makeTensor(label, elements * 4, "lent");
}

/**
 * A tensor that outlives programs: weights, adapter, optimizer state, batch. @param elements of 4
 * bytes
 */
export function persistent(label: string, elements: number): Tensor {
  return makeTensor(label, elements * 4, "buffer");
}

/** A tensor that takes turns in the buffer of another: who runs a program brings its bytes. */
export function turning(label: string, turnsWith: Tensor): Tensor {
  invariant(turnsWith.home === "buffer", `${label} takes turns in memory that is not kept`);
  return { label, sizeBytes: turnsWith.sizeBytes, home: "buffer", turnsWith };
}

/** The tensor that a persistent tensor's buffer is made for. */
export function ownerOf(tensor: Tensor): Tensor {
  return tensor.turnsWith ?? tensor;
}

function makeTensor(label: string, sizeBytes: number, home: Tensor["home"]): Tensor {
  invariant(sizeBytes > 0, `tensor ${label} has ${sizeBytes} bytes`);
  return { label, sizeBytes, home };
}

/** `elements` of 4 bytes from `offsetElements` on. */
export function viewOf(tensor: Tensor, offsetElements: number, elements: number): View {
  const view = { tensor, offsetBytes: offsetElements * 4, sizeBytes: elements * 4 };
  invariant(
    view.offsetBytes % alignmentBytes === 0,
    `${tensor.label}: a view at byte ${view.offsetBytes}`,
  );
  invariant(
    view.offsetBytes + view.sizeBytes <= tensor.sizeBytes,
    `${tensor.label}: a view of ${view.sizeBytes} bytes at ${view.offsetBytes} in ${tensor.sizeBytes}`,
  );
  return view;
}

/**
 * One view over several of a tensor.
 * @returns also where each begins in it, in elements
 */
export function spanOf(views: readonly View[]): { span: View; starts: readonly number[] } {
  const [first] = views;
  invariant(first !== undefined, "a span over no views");
  const { tensor } = first;
  invariant(
    views.every((view) => view.tensor === tensor),
    `a span over views of ${tensor.label} and of another tensor`,
  );
  const start = Math.min(...views.map(({ offsetBytes }) => offsetBytes));
  const end = Math.max(...views.map(({ offsetBytes, sizeBytes }) => offsetBytes + sizeBytes));
  const starts = views.map(({ offsetBytes }) => (offsetBytes - start) / 4);
  return { span: { tensor, offsetBytes: start, sizeBytes: end - start }, starts };
}

export interface DispatchParts {
  /** By binding name. */
  tensors: Readonly<Record<string, Tensor | View>>;
  /** By param name. */
  params?: Readonly<Record<string, number>>;
  grid: Grid;
  work: number;
  skipUpToCount?: number;
}

/** A call of a kernel. @throws Error unless exactly its bindings and params are given */
export function dispatch(kernel: Kernel, parts: DispatchParts): Dispatch {
  const { tensors, params = {}, grid, work, skipUpToCount = -1 } = parts;
  requireNames(kernel, "tensors", kernel.bindings, tensors);
  requireNames(kernel, "params", kernel.params.fields, params);
  invariant(
    grid.every((size) => Number.isInteger(size) && size > 0 && size <= maxWorkgroups),
    `kernel ${kernel.name}: a grid of ${grid.join(" x ")}`,
  );
  return {
    kernel,
    views: kernel.bindings.map(({ name }) => asView(tensors[name])),
    params: kernel.params.fields.map(({ name }) => params[name] ?? 0),
    grid,
    work,
    skipUpToCount,
  };
}

function requireNames(
  kernel: Kernel,
  what: "tensors" | "params",
  wanted: readonly { name: string }[],
  given: object,
): void {
  const missing = wanted.filter(({ name }) => !Object.hasOwn(given, name));
  if (missing.length === 0 && Object.keys(given).length === wanted.length) {
    return;
  }
  const foreign = Object.keys(given).filter((key) => wanted.every(({ name }) => name !== key));
  const names = missing.map(({ name }) => name);
  invariant(
    false,
    `kernel ${kernel.name}: ${what} missing [${names.join()}], unknown [${foreign.join()}]`,
  );
}

function asView(value: Tensor | View | undefined): View {
  invariant(value !== undefined, "a binding without a tensor");
  return "tensor" in value ? value : { tensor: value, offsetBytes: 0, sizeBytes: value.sizeBytes };
}

/** WebGPU's default maxComputeWorkgroupsPerDimension. */
export const maxWorkgroups = 65535;

/**
 * A grid of at least `groups` workgroups for kernels that count in one dimension. Beyond 65535 it
 * folds into y: the group is `workgroup_id.y * num_workgroups.x + workgroup_id.x`, and groups past
 * the end return.
 */
export function flatGrid(groups: number): Grid {
  const rows = Math.ceil(groups / maxWorkgroups);
  return [Math.ceil(groups / rows), rows, 1];
}
