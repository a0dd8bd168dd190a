// Gives every arena tensor of every program a place: tensors that are never alive together share bytes.
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

interface Lifetime {
  tensor: Tensor;
  /** Index of the program; programs run one after the other and share all arenas. */
  program: number;
  /** Dispatches of the program at which it is first and last used. */
  first: number;
  last: number;
}

/**
 * Largest tensors first, each at the lowest offset free for its whole life. A tensor larger than `arenaBytes` gets an
 * arena of its own size.
 */
export function planMemory(
  programs: readonly Program[],
  arenaBytes: number = defaultArenaBytes,
): MemoryLayout {
  const lifetimes = programs.flatMap(lifetimesOf);
  const bySize = lifetimes.toSorted(
    (a, b) => b.tensor.sizeBytes - a.tensor.sizeBytes || a.first - b.first,
  );
  const arenas: { sizeBytes: number; held: (Lifetime & Place)[] }[] = [];
  const places = new Map<Tensor, Place>();
  for (const lifetime of bySize) {
    invariant(!places.has(lifetime.tensor), `${lifetime.tensor.label} is in two programs`);
    const size = alignUp(lifetime.tensor.sizeBytes);
    let arena = 0;
    let offsetBytes = 0;
    for (; arena < arenas.length; arena++) {
      offsetBytes = lowestFree(arenas[arena]?.held ?? [], lifetime, size);
      if (offsetBytes + size <= Math.max(arenaBytes, arenas[arena]?.sizeBytes ?? 0)) {
        break;
      }
      offsetBytes = 0;
    }
    const target = (arenas[arena] ??= { sizeBytes: 0, held: [] });
    target.sizeBytes = Math.max(target.sizeBytes, offsetBytes + size);
    target.held.push({ ...lifetime, arena, offsetBytes });
    places.set(lifetime.tensor, { arena, offsetBytes });
  }
  const buffers = buffersOf(programs);
  const sizes = arenas.map(({ sizeBytes }) => sizeBytes);
  const totalBytes =
    sizes.reduce((sum, size) => sum + size, 0) +
    buffers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { arenas: sizes, places, buffers, totalBytes };
}

export function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / alignmentBytes) * alignmentBytes;
}

/** Lifetimes in dispatches; a tensor read before anything wrote it is a mistake of whoever built the program. */
function lifetimesOf({ name, dispatches }: Program, program: number): Lifetime[] {
  const found = new Map<Tensor, Lifetime>();
  dispatches.forEach(({ kernel, views }, index) => {
    views.forEach(({ tensor }, binding) => {
      if (tensor.home !== "arena") {
        return;
      }
      const use = kernel.bindings[binding]?.use;
      const known = found.get(tensor);
      invariant(
        known !== undefined || use === "out",
        `${name}: ${kernel.name} uses ${tensor.label} before it is written`,
      );
      invariant(use !== "constant", `${name}: ${kernel.name} binds ${tensor.label} read-only`);
      found.set(tensor, { tensor, program, first: known?.first ?? index, last: index });
    });
  });
  return [...found.values()];
}

function lowestFree(held: readonly (Lifetime & Place)[], own: Lifetime, size: number): number {
  const neighbours = held
    .filter(
      (other) =>
        other.program === own.program && other.first <= own.last && own.first <= other.last,
    )
    .toSorted((a, b) => a.offsetBytes - b.offsetBytes);
  let offset = 0;
  for (const { offsetBytes, tensor } of neighbours) {
    if (offset + size <= offsetBytes) {
      break;
    }
    offset = Math.max(offset, offsetBytes + alignUp(tensor.sizeBytes));
  }
  return offset;
}

function buffersOf(programs: readonly Program[]): Tensor[] {
  const tensors = programs.flatMap(({ dispatches }) =>
    dispatches.flatMap(({ views }) => views.map(({ tensor }) => tensor)),
  );
  return [...new Set(tensors.filter(({ home }) => home === "buffer"))];
}
