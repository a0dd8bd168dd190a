// A device whose kernels compile before an engine needs them, without any memory of a run:
// compiling takes seconds on a slow device, and a visitor reads the plan meanwhile.
import { openGpuMachine, type GpuMachine } from "../gpu/gpu-machine.ts";
import { Pipelines } from "../gpu/pipelines.ts";
import { kernelsOf } from "../gpu/plan.ts";
import { openTuningCache } from "../gpu/tuning-cache.ts";
import type { TileChoice } from "../kernels/matmul/tile.ts";
import type { EnginePlan } from "./engine-plan.ts";
import { chooseMemory } from "./webgpu/budget.ts";
import { designRun } from "./webgpu/design.ts";
import { defaultBudgetBytes } from "./webgpu/engine.ts";
import { tilesFor } from "./webgpu/tune.ts";

/** A device of the compiled engine, with what is compiled for it. */
export interface CompiledAhead {
  machine: GpuMachine;
  pipelines: Pipelines;
}

const tuned = openTuningCache("anneal-tuning");

/** @throws UserError "device-lost" when the browser has no device to give */
export async function openAhead(): Promise<CompiledAhead> {
  const machine = await openGpuMachine();
  return { machine, pipelines: new Pipelines(machine.opened) };
}

/** The tiles of a plan on a device: tuned once for each device. @throws the signal's reason */
export async function tilesOf(
  { model: { config, weights }, shape }: EnginePlan,
  { machine: { opened } }: CompiledAhead,
  signal: AbortSignal,
): Promise<TileChoice> {
  return await tilesFor(config, weights.shapes, shape, { opened, cache: tuned, signal });
}

/**
 * Begins to compile what the steps of a plan need. Resolves once all of it is under way: who opens
 * an engine on this device hears of its end.
 * @throws the signal's reason, as long as nothing is under way; UserError "device-lost"
 */
export async function compileAhead(
  plan: EnginePlan,
  ahead: CompiledAhead,
  signal: AbortSignal,
): Promise<void> {
  const { model, lora, shape, labelSmoothing, isWeighted } = plan;
  const tiles = await tilesOf(plan, ahead, signal);
  const options = {
    config: model.config,
    weightShapes: model.weights.shapes,
    hasObjective: labelSmoothing > 0,
    ...{ lora, shape, isWeighted, tiles },
  };
  const choice = plan.memoryChoice ?? chooseMemory(options, defaultBudgetBytes);
  const { training, update } = designRun(options, choice);
  signal.throwIfAborted();
  for (const kernel of kernelsOf([training, update])) {
    ahead.pipelines.compile(kernel).catch(() => undefined); // the engine compiles it, and says so
  }
}
