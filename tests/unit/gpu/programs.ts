// Made-up kernels and programs for the planner's proofs, and what can be said of a program without
// planning it.
import { defineKernel, type Kernel, type Use } from "../../../src/gpu/kernel.ts";
import { alignUp } from "../../../src/gpu/memory-planner.ts";
import {
  dispatch,
  scratch,
  type Dispatch,
  type Program,
  type Tensor,
} from "../../../src/gpu/plan.ts";
import { uniforms } from "../../../src/util/random.ts";

/** A kernel with bindings b0, b1, ... of these uses. */
export function kernelOf(...uses: Use[]): Kernel {
  const bindings = uses.map((use, index) => [`b${index}`, { use, element: "f32" }] as const);
  return defineKernel({ name: "made-up", source: "", bindings: Object.fromEntries(bindings) });
}

/** A dispatch that binds each tensor in the given way. */
export function using(...pairs: [Use, Tensor][]): Dispatch {
  const tensors = pairs.map(([, tensor], index) => [`b${index}`, tensor] as const);
  return dispatch(kernelOf(...pairs.map(([use]) => use)), {
    tensors: Object.fromEntries(tensors),
    grid: [1, 1, 1],
    work: 1,
  });
}

/** Each dispatch writes a tensor and uses a few earlier ones, mostly late ones. */
export function randomProgram(seed: number, dispatches: number, largest: number): Program {
  const draws = uniforms(seed, 1, dispatches * 8);
  let next = 0;
  const draw = (below: number) => Math.floor((draws[next++] ?? 0) * below);
  const made: Tensor[] = [];
  const list = Array.from({ length: dispatches }, (_, index) => {
    const size = 1 + draw(draw(2) === 0 ? largest : largest / 20);
    const used = new Set<Tensor>();
    for (let i = draw(4); i > 0 && made.length > 0; i--) {
      const reach = draw(3) === 0 ? made.length : Math.min(made.length, 6);
      used.add(made[made.length - 1 - draw(reach)] as Tensor);
    }
    const written = scratch(`tensor ${index}`, size);
    made.push(written);
    return using(["out", written], ...[...used].map((tensor): [Use, Tensor] => ["in", tensor]));
  });
  return { name: `program ${seed}`, dispatches: list };
}

/** First and last use of each arena tensor. */
export function lifetimesOf({ dispatches }: Program): Map<Tensor, [first: number, last: number]> {
  const lifetimes = new Map<Tensor, [number, number]>();
  dispatches.forEach(({ views }, index) => {
    for (const { tensor } of views.filter((view) => view.tensor.home === "arena")) {
      lifetimes.set(tensor, [lifetimes.get(tensor)?.[0] ?? index, index]);
    }
  });
  return lifetimes;
}

/** The most bytes that are alive at once: no plan can do with less. */
export function peakBytes(program: Program): number {
  const change = Array.from({ length: program.dispatches.length + 1 }, () => 0);
  for (const [tensor, [first, last]] of lifetimesOf(program)) {
    change[first] = (change[first] ?? 0) + alignUp(tensor.sizeBytes);
    change[last + 1] = (change[last + 1] ?? 0) - alignUp(tensor.sizeBytes);
  }
  let alive = 0;
  return Math.max(...change.map((bytes) => (alive += bytes)));
}
