// Opens a device with one of the two engines on it. The reference engine is chosen, and its code
// fetched, only here.
import type { LoraConfig } from "../adapter/lora.ts";
import { openGpuMachine, type AnyMachine } from "../gpu/gpu-machine.ts";
import { openTuningCache } from "../gpu/tuning-cache.ts";
import type { BaseModel } from "../model/open.ts";
import type {
  BackendName,
  BatchShape,
  Engine,
  EngineName,
  EngineProgress,
  EngineReport,
} from "./contract.ts";
import type { Objective } from "./objective.ts";
import type { WasmPaths } from "./tfjs/backend.ts";
import type { MemoryChoice } from "./webgpu/design.ts";
import { createWebGpuEngine, nextSmaller } from "./webgpu/engine.ts";
import { tilesFor } from "./webgpu/tune.ts";

export type { WasmPaths } from "./tfjs/backend.ts";

export interface EnginePlan {
  engine: EngineName;
  /** Of the reference engine. */
  backend: BackendName;
  wasmPaths: WasmPaths;
  /** The parts of the model that are trained. */
  model: Pick<BaseModel, "config" | "weights">;
  lora: LoraConfig;
  shape: BatchShape;
  /** Probability spread over the vocabulary, from 0 (plain cross-entropy) to below 1. */
  labelSmoothing: number;
  /** Whether the rows of the data set have weights. */
  isWeighted: boolean;
  /** Of the compiled engine, where the device could not bear what the budget would choose. */
  memoryChoice?: MemoryChoice | undefined;
}

/** An engine on its device. */
export interface DeviceEngine {
  machine: AnyMachine;
  engine: Engine;
  report: EngineReport;
  /** The next smaller memory choice, for the same numbers; null for the smallest. */
  smaller: MemoryChoice | null;
}

/**
 * Opens a device and compiles the engine for it, with all weights uploaded.
 * @throws UserError "device-lost" when the browser has no device to give; "out-of-memory"; the
 *   signal's reason. No device is held then.
 */
export async function openEngine(
  plan: EnginePlan,
  progress: EngineProgress,
  signal: AbortSignal,
): Promise<DeviceEngine> {
  return plan.engine === "webgpu"
    ? await openCompiled(plan, progress, signal)
    : await openReference(plan, progress, signal);
}

const tuned = openTuningCache("anneal-tuning");

async function openCompiled(
  plan: EnginePlan,
  progress: EngineProgress,
  signal: AbortSignal,
): Promise<DeviceEngine> {
  const { model, lora, shape, labelSmoothing, isWeighted, memoryChoice: wanted } = plan;
  const machine = await openGpuMachine();
  const { opened } = machine;
  // Kernels that compile take seconds on a software GPU, and only the loss of the device ends them.
  const stop = () => {
    opened.device.destroy();
  };
  signal.addEventListener("abort", stop);
  try {
    const { config, weights } = model;
    const objective = await objectiveOf(labelSmoothing);
    const training = { config, lora, shape, objective, isWeighted };
    const tiles = await tilesFor(config, weights.shapes, shape, { opened, cache: tuned, signal });
    const parts = { opened, ...training, memoryChoice: wanted, weights, tiles, progress, signal };
    const engine = await createWebGpuEngine(parts);
    const release = async () => {
      await machine.release();
      return engine.memory().allocatedBytes;
    };
    const { memoryChoice, planned } = engine;
    const { totalBytes: plannedBytes, recomputedLayers } = planned;
    const { rowsPerPass } = memoryChoice;
    return {
      machine: { ...machine, release },
      engine,
      report: reportOf(plan, { plannedBytes, recomputedLayers, rowsPerPass }),
      smaller: nextSmaller(memoryChoice),
    };
  } catch (error) {
    await machine.release();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function openReference(
  plan: EnginePlan,
  progress: EngineProgress,
  signal: AbortSignal,
): Promise<DeviceEngine> {
  const { backend, wasmPaths, model, lora, shape, labelSmoothing } = plan;
  const [{ openMachine }, { createTfjsEngine }] = await fetchReference();
  const machine = await openMachine(backend, wasmPaths);
  try {
    const { config, weights } = model;
    const objective = await objectiveOf(labelSmoothing);
    const training = { config, lora, shape, objective };
    const engine = await createTfjsEngine({ machine, ...training, weights, progress, signal });
    const { plannedBytes } = engine.memory();
    const report = reportOf(plan, { plannedBytes, recomputedLayers: 0, rowsPerPass: shape.rows });
    return { machine, engine, report, smaller: null };
  } catch (error) {
    await machine.release();
    throw error;
  }
}

function reportOf(
  { engine, model, shape }: EnginePlan,
  measured: Pick<EngineReport, "plannedBytes" | "recomputedLayers" | "rowsPerPass">,
): EngineReport {
  return { engine, layers: model.config.numHiddenLayers, rows: shape.rows, ...measured };
}

/** Null for plain cross-entropy, for which the compiled engine needs no tfjs. */
async function objectiveOf(labelSmoothing: number): Promise<Objective | null> {
  if (labelSmoothing === 0) {
    return null;
  }
  const module = await import("./label-smoothing.ts");
  return module.labelSmoothing(labelSmoothing);
}

/** tfjs is loaded only where it is used. */
function fetchReference() {
  return Promise.all([import("./tfjs/backend.ts"), import("./tfjs/engine.ts")]);
}

/**
 * Fetches the code of both engines, so that a later run needs no network. The compiled engine is
 * part of the worker's script; tfjs is separate, for the reference engine and objectives in its
 * ops.
 */
export async function fetchEngines(backend: BackendName): Promise<void> {
  const backends = {
    webgpu: () => import("@tensorflow/tfjs-backend-webgpu"),
    wasm: () => import("@tensorflow/tfjs-backend-wasm"),
    cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  };
  await Promise.all([fetchReference(), import("./webgpu/paused-pass.ts"), backends[backend]()]);
}
