// Opens a device with one of the two engines on it. The reference engine is chosen, and its code
// fetched, only here.
import type { AnyMachine } from "../gpu/gpu-machine.ts";
import { openAhead, tilesOf, type CompiledAhead } from "./ahead.ts";
import type { BackendName, Engine, EngineProgress, EngineReport } from "./contract.ts";
import type { EnginePlan } from "./engine-plan.ts";
import type { Objective } from "./objective.ts";
import { canStream, nextSmaller, type MemoryChoice } from "./webgpu/memory-choice.ts";
import { createWebGpuEngine } from "./webgpu/engine.ts";

export type { WasmPaths } from "./tfjs/backend.ts";

/** An engine on its device. */
export interface DeviceEngine {
  machine: AnyMachine;
  engine: Engine;
  report: EngineReport;
  /** The next smaller memory choice, for the same numbers; null for the smallest. */
  smaller: MemoryChoice | null;
  /** What an engine after this one may be opened on; null for the reference engine. */
  ahead: CompiledAhead | null;
}

/**
 * Opens a device and compiles the engine for it, with all weights uploaded.
 * @param ahead a device to open the compiled engine on, which is released where that fails
 * @throws UserError "device-lost" when the browser has no device to give; "out-of-memory"; the
 *   signal's reason. No device is held then.
 */
export async function openEngine(
  plan: EnginePlan,
  progress: EngineProgress,
  signal: AbortSignal,
  ahead: CompiledAhead | null = null,
): Promise<DeviceEngine> {
  return plan.engine === "webgpu"
    ? await openCompiled(plan, progress, signal, ahead ?? (await openAhead()))
    : await openReference(plan, progress, signal);
}

async function openCompiled(
  plan: EnginePlan,
  progress: EngineProgress,
  signal: AbortSignal,
  ahead: CompiledAhead,
): Promise<DeviceEngine> {
  const { model, lora, shape, labelSmoothing, isWeighted, memoryChoice: wanted } = plan;
  const { machine, pipelines } = ahead;
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
    const tiles = await tilesOf(plan, ahead, signal);
    const engine = await createWebGpuEngine({
      ...{ opened, pipelines, ...training, memoryChoice: wanted, weights, tiles },
      ...{ progress, signal },
    });
    const release = async () => {
      await machine.release();
      return engine.memory().allocatedBytes;
    };
    const { memoryChoice, planned } = engine;
    const streams = canStream(weights, objective !== null);
    const { totalBytes: plannedBytes, recomputedLayers, layersRunThrice, isStreamed } = planned;
    const { rowsPerPass } = memoryChoice;
    const fitted = { plannedBytes, recomputedLayers, layersRunThrice, isStreamed, rowsPerPass };
    return {
      machine: { ...machine, release },
      engine,
      report: reportOf(plan, fitted),
      smaller: nextSmaller(memoryChoice, config.numHiddenLayers, streams),
      ahead,
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
    const whole = { recomputedLayers: 0, layersRunThrice: 0, isStreamed: false };
    const report = reportOf(plan, { plannedBytes, ...whole, rowsPerPass: shape.rows });
    return { machine, engine, report, smaller: null, ahead: null };
  } catch (error) {
    await machine.release();
    throw error;
  }
}

function reportOf(
  { engine, model, shape }: EnginePlan,
  measured: Omit<EngineReport, "engine" | "layers" | "rows">,
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
