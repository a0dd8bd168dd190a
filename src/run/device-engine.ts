// A device with an engine on it: opened, rebuilt and released in one way, for a start, a planned
// rebuild, a lost device and a resume.
import type { AdapterState } from "../adapter/state.ts";
import { batchLength } from "../data/batching/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { CompiledAhead } from "../engine/ahead.ts";
import type { EnginePlan } from "../engine/engine-plan.ts";
import { openEngine, type DeviceEngine, type WasmPaths } from "../engine/open.ts";
import type { EngineProgress } from "../engine/contract.ts";
import { engineFor } from "../engine/run-bytes.ts";
import type { BaseModel } from "../model/open.ts";
import type { DeviceInfo } from "../models/facts.ts";
import type { Recipe } from "../recipe/recipe.ts";

/** An engine's plan with the whole model, which prompts and checkpoints need as well. */
export interface DeviceEnginePlan extends EnginePlan {
  model: BaseModel;
}

/** The engine that a recipe needs for a model and its data set, on the device of this browser. */
export function enginePlanOf(
  model: BaseModel,
  { longestRow, isWeighted }: Pick<Dataset, "longestRow" | "isWeighted">,
  recipe: Recipe,
  { device, wasmPaths }: { device: DeviceInfo; wasmPaths: WasmPaths },
): DeviceEnginePlan {
  return {
    engine: engineFor(device.engine, model),
    backend: device.backend,
    wasmPaths,
    model,
    lora: recipe,
    shape: { rows: recipe.batchSize, length: batchLength(longestRow) },
    labelSmoothing: recipe.labelSmoothing,
    isWeighted,
  };
}

/** A rebuilt device, with the bytes before and after, as the page shows them. */
export interface Rebuild {
  deviceEngine: DeviceEngine;
  beforeBytes: number;
  /** Bytes still allocated right after the old device was released. */
  releasedBytes: number;
  afterBytes: number;
  durationMs: number;
}

/**
 * Rebuilds the device. The order matters, because two devices do not fit into memory at once:
 *
 * 1. the old engine and its device are released,
 * 2. a new device is opened and the engine compiled for it,
 * 3. the frozen weights are read again from local storage, in the bytes of the first upload,
 * 4. the adapter is written with both of its optimizer moments, as f32.
 *
 * Nothing else of a run lives on the device. Dropout, the data order and sampling are functions of
 * the seed and the step. So the steps that follow have the same bits as without a rebuild.
 * @param ahead a device with compiled kernels to take in step 2; released where that fails
 * @throws UserError "device-lost" when the browser has no device to give; nothing is held then
 */
export async function rebuild(
  old: DeviceEngine | null,
  plan: EnginePlan,
  adapter: AdapterState,
  progress: EngineProgress,
  signal: AbortSignal,
  ahead: CompiledAhead | null = null,
): Promise<Rebuild> {
  const startedAt = performance.now();
  const beforeBytes = old?.engine.memory().allocatedBytes ?? 0;
  const releasedBytes = await releaseEngine(old);
  const deviceEngine = await openWithAdapter(plan, adapter, progress, signal, ahead);
  return {
    deviceEngine,
    beforeBytes,
    releasedBytes,
    afterBytes: deviceEngine.engine.memory().allocatedBytes,
    durationMs: performance.now() - startedAt,
  };
}

/** Releases an engine with its device. @returns the bytes that are still allocated afterwards */
export async function releaseEngine(deviceEngine: DeviceEngine | null): Promise<number> {
  deviceEngine?.engine.dispose();
  return (await deviceEngine?.machine.release()) ?? 0;
}

async function openWithAdapter(
  plan: EnginePlan,
  adapter: AdapterState,
  progress: EngineProgress,
  signal: AbortSignal,
  ahead: CompiledAhead | null,
): Promise<DeviceEngine> {
  const deviceEngine = await openEngine(plan, progress, signal, ahead);
  try {
    deviceEngine.engine.writeState(adapter);
    return deviceEngine;
  } catch (error) {
    await releaseEngine(deviceEngine);
    throw error;
  }
}
