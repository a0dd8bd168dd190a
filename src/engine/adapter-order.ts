// The order of an adapter's tensors, which both engines share: A before B, target by target (see
// `adapterShapes`).
import type { AdapterState } from "../adapter/state.ts";
import { invariant } from "../util/assert.ts";

/** The three vectors of an adapter: its values and both AdamW moments. */
export const adapterVectors = ["values", "moment1", "moment2"] as const;
export type AdapterVector = (typeof adapterVectors)[number];

/** Whether the tensor of this index is an A; else it is a B. */
export function isLoraA(index: number): boolean {
  return index % 2 === 0;
}

/** A and B of a target, by its index among the targets. */
export function pairOf<T>(tensors: readonly T[], target: number): { a: T; b: T } {
  const [a, b] = [tensors[2 * target], tensors[2 * target + 1]];
  invariant(a !== undefined && b !== undefined, `target ${target} has no A and B`);
  return { a, b };
}

/** @throws Error unless a state has exactly the engine's tensors, in the engine's order */
export function requireSameTensors(
  { tensors }: AdapterState,
  own: readonly { name: string; shape: readonly number[] }[],
): void {
  const describe = ({ name, shape }: (typeof own)[number]) => `${name} ${shape.join("x")}`;
  const isSame = own.map(describe).join() === tensors.map(describe).join();
  invariant(isSame, "the tensors of the state differ from those of the engine");
}
