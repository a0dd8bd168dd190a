// A machine with an engine on it, and the one way to put them up: for a start, a planned rebuild, a
// lost device, a resume.
import type { AdapterState } from "../adapter/state.ts";
import {
  openEngine,
  type EnginePlan,
  type EngineProgress,
  type OpenedEngine,
} from "../engine/open.ts";
import type { BaseModel } from "../model/open.ts";

export type Rig = OpenedEngine;

/** What a rig is built from; the whole model, which prompts and checkpoints need besides. */
export interface RigPlan extends EnginePlan {
  model: BaseModel;
}

/** Bytes around a rebuild, as the page shows them. */
export interface Rebuild {
  rig: Rig;
  beforeBytes: number;
  releasedBytes: number;
  afterBytes: number;
  durationMs: number;
}

/**
 * Gives up the old device altogether, opens a new one, reads the weights again from what is local
 * and restores the adapter with its moments.
 * @throws UserError "device-lost" when the browser gives no device; then nothing is held
 */
export async function rebuild(
  old: Rig | null,
  plan: EnginePlan,
  adapter: AdapterState,
  progress: EngineProgress,
  signal: AbortSignal,
): Promise<Rebuild> {
  const startedAt = performance.now();
  const beforeBytes = old?.engine.memory().allocatedBytes ?? 0;
  const releasedBytes = await releaseRig(old);
  const rig = await openRig(plan, adapter, progress, signal);
  return {
    rig,
    beforeBytes,
    releasedBytes,
    afterBytes: rig.engine.memory().allocatedBytes,
    durationMs: performance.now() - startedAt,
  };
}

/** Answers the bytes that are still held afterwards. */
export async function releaseRig(rig: Rig | null): Promise<number> {
  rig?.engine.dispose();
  return (await rig?.machine.release()) ?? 0;
}

async function openRig(
  plan: EnginePlan,
  adapter: AdapterState,
  progress: EngineProgress,
  signal: AbortSignal,
): Promise<Rig> {
  const rig = await openEngine(plan, progress, signal);
  try {
    rig.engine.writeState(adapter);
    return rig;
  } catch (error) {
    await releaseRig(rig);
    throw error;
  }
}
