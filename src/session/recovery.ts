// A machine with an engine on it, and the one way to put them up: for a start, a planned rebuild, a lost device, a resume.
import type { AdapterState } from "../adapter/state.ts";
import type { LoraConfig } from "../adapter/lora.ts";
import type { Engine } from "../engine/contract.ts";
import type { Objective } from "../engine/objective.ts";
import type { BatchShape } from "../engine/tfjs/estimate.ts";
import type { Economy } from "../engine/webgpu/design.ts";
import { createWebGpuEngine, nextSmaller } from "../engine/webgpu/engine.ts";
import { tilesFor } from "../engine/webgpu/tune.ts";
import { openGpuMachine, type AnyMachine } from "../gpu/gpu-machine.ts";
import type { BackendName, WasmPaths } from "../gpu/machine.ts";
import type { BaseModel } from "../model/open.ts";
import type { EngineName, EngineReport } from "./protocol.ts";
import { openTuningCache } from "./tuning-cache.ts";

export interface Rig {
  machine: AnyMachine;
  engine: Engine;
  report: EngineReport;
  /** What asks less of the device for the same numbers; null where there is nothing left to save. */
  smaller: Economy | null;
}

export interface RigPlan {
  engine: EngineName;
  /** Of the reference engine. */
  backend: BackendName;
  wasmPaths: WasmPaths;
  model: BaseModel;
  lora: LoraConfig;
  shape: BatchShape;
  /** Share of each answer that is spread over the vocabulary; 0 trains by plain cross-entropy. */
  labelSmoothing: number;
  /** Of the compiled engine, where the device could not bear what the budget would choose. */
  economy?: Economy;
}

/** Of the model no more than what is trained. */
type BuildPlan = Omit<RigPlan, "model"> & { model: Pick<BaseModel, "config" | "weights"> };

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
  plan: BuildPlan,
  adapter: AdapterState,
  progress: (doneBytes: number, totalBytes: number) => void,
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
  plan: BuildPlan,
  adapter: AdapterState,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<Rig> {
  const rig =
    plan.engine === "webgpu"
      ? await openCompiled(plan, progress, signal)
      : await openReference(plan, progress, signal);
  try {
    rig.engine.writeState(adapter);
    return rig;
  } catch (error) {
    await releaseRig(rig);
    throw error;
  }
}

const tuned = openTuningCache("anneal-tuning");

async function openCompiled(
  { model, lora, shape, labelSmoothing, economy: wanted }: BuildPlan,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<Rig> {
  const machine = await openGpuMachine();
  try {
    const { config, weights } = model;
    const { opened } = machine;
    const objective = await objectiveOf(labelSmoothing);
    const training = { config, lora, shape, objective };
    const tiles = await tilesFor(config, weights.shapes, shape, { opened, cache: tuned, signal });
    const given = wanted === undefined ? {} : { economy: wanted };
    const parts = { opened, ...training, ...given, weights, tiles, progress, signal };
    const engine = await createWebGpuEngine(parts);
    const release = async () => {
      await machine.release();
      return engine.memory().allocatedBytes;
    };
    const { economy, planned } = engine;
    const report: EngineReport = {
      engine: "webgpu",
      plannedBytes: planned.totalBytes,
      layers: config.numHiddenLayers,
      recomputedLayers: planned.recomputedLayers,
      rows: shape.rows,
      rowsPerPass: economy.rowsPerPass,
    };
    return { machine: { ...machine, release }, engine, report, smaller: nextSmaller(economy) };
  } catch (error) {
    await machine.release();
    throw error;
  }
}

async function openReference(
  { backend, wasmPaths, model, lora, shape, labelSmoothing }: BuildPlan,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<Rig> {
  // tfjs is loaded only where the reference engine is wanted.
  const [{ openMachine }, { createTfjsEngine }] = await Promise.all([
    import("../gpu/machine.ts"),
    import("../engine/tfjs/engine.ts"),
  ]);
  const machine = await openMachine(backend, wasmPaths);
  try {
    const { config, weights } = model;
    const objective = await objectiveOf(labelSmoothing);
    const training = { config, lora, shape, objective };
    const parts = { machine, ...training, weights, progress, signal };
    const engine = await createTfjsEngine(parts);
    const report: EngineReport = {
      engine: "tfjs",
      plannedBytes: engine.memory().plannedBytes,
      layers: config.numHiddenLayers,
      recomputedLayers: 0,
      rows: shape.rows,
      rowsPerPass: shape.rows,
    };
    return { machine, engine, report, smaller: null };
  } catch (error) {
    await machine.release();
    throw error;
  }
}

/** Null for plain cross-entropy, for which the compiled engine needs no tfjs. */
async function objectiveOf(labelSmoothing: number): Promise<Objective | null> {
  if (labelSmoothing === 0) {
    return null;
  }
  const module = await import("../engine/label-smoothing.ts");
  return module.labelSmoothing(labelSmoothing);
}
