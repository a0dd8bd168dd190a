// The compiled engine's side of the races.
import type { CompiledRacer } from "./racers.ts";

/** null until engine/webgpu is there. */
export function openCompiled(): Promise<CompiledRacer | null> {
  return Promise.resolve(null);
}
