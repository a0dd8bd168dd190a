// Gives every arena tensor of every program a place: tensors that are never alive together share
// bytes.
import { invariant } from "../util/assert.ts";
import { alignmentBytes, type Program, type Tensor } from "./plan.ts";

/** WebGPU's maxBufferSize by default: an arena of this size can be made on every device. */
export const defaultArenaBytes = 256 * 1024 ** 2;

export interface Place {
  /** Index of the arena. */
  arena: number;
  offsetBytes: number;
}

export interface MemoryLayout {
  /** Bytes of each arena. */
  arenas: readonly number[];
  places: ReadonlyMap<Tensor, Place>;
  /** Tensors with a buffer of their own. */
  buffers: readonly Tensor[];
  totalBytes: number;
}

/** What one program needs of each arena, and of buffers. */
interface ProgramLayout {
  arenaBytes: number;
  arenas: readonly number[];
  places: ReadonlyMap<Tensor, Place>;
  buffers: ReadonlySet<Tensor>;
}

interface Lifetime {
  tensor: Tensor;
  /** Dispatches at which it is first and last used. */
  first: number;
  last: number;
}

/** Bytes taken from `first` to `last`. */
interface Held {
  first: number;
  last: number;
  offsetBytes: number;
  endBytes: number;
}

interface Arena {
  sizeBytes: number;
  /** In the order of offsets. */
  held: Held[];
}

/**
 * Programs run one after the other and share all arenas. A tensor larger than `arenaBytes` gets an
 * arena of its own size; no other arena is larger than `arenaBytes`.
 */
export function planMemory(
  programs: readonly Program[],
  arenaBytes: number = defaultArenaBytes,
): MemoryLayout {
  const arenas: number[] = [];
  const places = new Map<Tensor, Place>();
  const buffers = new Set<Tensor>();
  for (const program of programs) {
    const own = layoutOf(program, arenaBytes);
    own.arenas.forEach((sizeBytes, index) => {
      arenas[index] = Math.max(arenas[index] ?? 0, sizeBytes);
    });
    own.places.forEach((place, tensor) => {
      invariant(!places.has(tensor), `${tensor.label} is in two programs`);
      places.set(tensor, place);
    });
    own.buffers.forEach((tensor) => buffers.add(tensor));
  }
  const totalBytes =
    arenas.reduce((sum, sizeBytes) => sum + sizeBytes, 0) +
    [...buffers].reduce((sum, { sizeBytes }) => sum + alignUp(sizeBytes), 0);
  return { arenas, places, buffers: [...buffers], totalBytes };
}

/**
 * Programs do not change, and a search for the best recipe asks for many of them again and again.
 */
const known = new WeakMap<Program, ProgramLayout>();

function layoutOf(program: Program, arenaBytes: number): ProgramLayout {
  const before = known.get(program);
  if (before?.arenaBytes === arenaBytes) {
    return before;
  }
  const { lifetimes, buffers } = usesOf(program);
  const layout = { arenaBytes, buffers, ...placeAll(lifetimes, arenaBytes) };
  known.set(program, layout);
  return layout;
}

/**
 * Largest tensors first, each at the lowest offset that is free for its whole life, in the first
 * arena that has one.
 */
function placeAll(lifetimes: Lifetime[], arenaBytes: number) {
  const arenas: Arena[] = [];
  const places = new Map<Tensor, Place>();
  lifetimes.sort((a, b) => b.tensor.sizeBytes - a.tensor.sizeBytes || a.first - b.first);
  for (const lifetime of lifetimes) {
    const size = alignUp(lifetime.tensor.sizeBytes);
    for (let arena = 0; ; arena++) {
      const { sizeBytes, held } = (arenas[arena] ??= { sizeBytes: size, held: [] });
      const offsetBytes = lowestFree(held, lifetime, size);
      const endBytes = offsetBytes + size;
      if (endBytes <= Math.max(arenaBytes, sizeBytes)) {
        arenas[arena] = { sizeBytes: Math.max(sizeBytes, endBytes), held };
        insert(held, { first: lifetime.first, last: lifetime.last, offsetBytes, endBytes });
        places.set(lifetime.tensor, { arena, offsetBytes });
        break;
      }
    }
  }
  return { arenas: arenas.map(({ sizeBytes }) => sizeBytes), places };
}

export function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / alignmentBytes) * alignmentBytes;
}

/** A tensor read before anything wrote it is a mistake of whoever built the program. */
function usesOf({ name, dispatches }: Program): { lifetimes: Lifetime[]; buffers: Set<Tensor> } {
  const lifetimes = new Map<Tensor, Lifetime>();
  const buffers = new Set<Tensor>();
  dispatches.forEach(({ kernel, views }, index) => {
    views.forEach(({ tensor }, binding) => {
      if (tensor.home === "buffer") {
        buffers.add(tensor);
        return;
      }
      const use = kernel.bindings[binding]?.use;
      invariant(use !== "constant", `${name}: ${kernel.name} binds ${tensor.label} read-only`);
      const lifetime = lifetimes.get(tensor);
      if (lifetime !== undefined) {
        lifetime.last = index;
        return;
      }
      invariant(use === "out", `${name}: ${kernel.name} uses ${tensor.label} before it is written`);
      lifetimes.set(tensor, { tensor, first: index, last: index });
    });
  });
  return { lifetimes: [...lifetimes.values()], buffers };
}

function lowestFree(held: readonly Held[], { first, last }: Lifetime, size: number): number {
  let offset = 0;
  for (const other of held) {
    if (other.first > last || other.last < first) {
      continue;
    }
    if (offset + size <= other.offsetBytes) {
      break;
    }
    offset = Math.max(offset, other.endBytes);
  }
  return offset;
}

/** Keeps the order of offsets. */
function insert(held: Held[], own: Held): void {
  let low = 0;
  let high = held.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((held[middle]?.offsetBytes ?? 0) <= own.offsetBytes) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  held.splice(low, 0, own);
}
