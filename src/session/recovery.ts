// A machine with an engine on it, and the one way to put them up: for a start, a planned rebuild, a lost device, a resume.
import type { AdapterState } from "../adapter/state.ts";
import type { LoraConfig } from "../adapter/lora.ts";
import { createTfjsEngine, type TfjsEngine } from "../engine/tfjs/engine.ts";
import type { BatchShape } from "../engine/tfjs/estimate.ts";
import { openMachine, type BackendName, type Machine, type WasmPaths } from "../gpu/machine.ts";
import type { BaseModel } from "../model/open.ts";

export interface Rig {
  machine: Machine;
  engine: TfjsEngine;
}

export interface RigPlan {
  backend: BackendName;
  wasmPaths: WasmPaths;
  model: BaseModel;
  lora: LoraConfig;
  shape: BatchShape;
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
 * Gives up the old device altogether, opens a new one, reads the weights again from what is local and restores the
 * adapter with its moments.
 * @throws UserError "device-lost" when the browser gives no device; then nothing is held
 */
export async function rebuild(
  old: Rig | null,
  plan: RigPlan,
  adapter: AdapterState,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<Rebuild> {
  const startedAt = performance.now();
  const beforeBytes = old?.machine.allocatedBytes() ?? 0;
  const releasedBytes = await releaseRig(old);
  const rig = await openRig(plan, adapter, progress, signal);
  return {
    rig,
    beforeBytes,
    releasedBytes,
    afterBytes: rig.machine.allocatedBytes(),
    durationMs: performance.now() - startedAt,
  };
}

/** Answers the bytes that are still held afterwards. */
export async function releaseRig(rig: Rig | null): Promise<number> {
  rig?.engine.dispose();
  return (await rig?.machine.release()) ?? 0;
}

async function openRig(
  { backend, wasmPaths, model, lora, shape }: RigPlan,
  adapter: AdapterState,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<Rig> {
  const machine = await openMachine(backend, wasmPaths);
  try {
    const { config, readWeight } = model;
    const engine = await createTfjsEngine({
      machine,
      config,
      lora,
      shape,
      readWeight,
      progress,
      signal,
    });
    engine.writeState(adapter);
    return { machine, engine };
  } catch (error) {
    await machine.release();
    throw error;
  }
}
