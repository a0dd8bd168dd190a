// The device memory of a run, computed without a device, and the choice of memory for speed.
//
// A design is every program of a run with every tensor, so its bytes follow from the memory planner
// alone. Three choices trade speed for bytes, none changes the numbers (MemoryChoice). Rows per
// pass come first: as many as fit with every layer recomputed, then as many kept layers as still
// fit. Where not even one row fits, the inputs of fewer layers are kept, of as many as fit. Where
// that does not fit either, all of it is tried with layers that are streamed.
import { uniformBytes } from "../../gpu/memory.ts";
import { planMemory } from "../../gpu/memory-planner.ts";
import { ownerOf, type Program, type Tensor } from "../../gpu/plan.ts";
import { readbackBytes } from "../../gpu/submitter.ts";
import { invariant } from "../../util/assert.ts";
import { designer, type Design, type DesignOptions } from "./design.ts";
import { tfjsBytes } from "./exchange.ts";
import { layersRunThrice, mostLayersPerInput, type MemoryChoice } from "./memory-choice.ts";

export interface PlannedBytes {
  weightsBytes: number;
  /** Values and gradients. */
  adapterBytes: number;
  /** Both moments. */
  optimizerBytes: number;
  /** Activations alive where backward begins. */
  activationsBytes: number;
  /** The rest: working memory, also of an objective; caches of generation; tables. */
  scratchBytes: number;
  totalBytes: number;
  /** Layers that recompute their activations in backward. */
  recomputedLayers: number;
  /** Those of them that first run for the input of a layer above. */
  layersRunThrice: number;
  /** Whether layers take turns in the memory of two. */
  isStreamed: boolean;
}

/**
 * Device bytes of a design: to the byte what `Runner.create` allocates, readback included, plus an
 * estimate of tfjs's buffers for an objective.
 */
export function bytesOf(design: Design): PlannedBytes {
  const { model, training, memoryChoice } = design;
  const sum = (tensors: Iterable<Tensor>) =>
    [...tensors].reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  const weights = [...model.weights.values()].flatMap(({ tensors }) => Object.values(tensors));
  const weightsBytes = sum(new Set(weights.map(ownerOf)));
  const { values, gradients, moment1, moment2 } = model.adapter;
  const adapterBytes = sum([values, gradients]);
  const optimizerBytes = sum([moment1, moment2]);
  const activationsBytes = peakOfKept(training);
  const totalBytes = totalOf(design);
  const layers = model.config.numHiddenLayers;
  return {
    weightsBytes,
    adapterBytes,
    optimizerBytes,
    activationsBytes,
    scratchBytes: totalBytes - weightsBytes - adapterBytes - optimizerBytes - activationsBytes,
    totalBytes,
    recomputedLayers: layers - memoryChoice.keptLayers,
    layersRunThrice: layersRunThrice(memoryChoice, layers),
    isStreamed: memoryChoice.isStreamed ?? false,
  };
}

function totalOf({ programs, model, exchange }: Design): number {
  const ofTfjs = exchange === undefined ? 0 : tfjsBytes(exchange, model.config);
  return planMemory(programs).totalBytes + uniformBytes(programs) + readbackBytes + ofTfjs;
}

/**
 * Bytes alive where backward begins: what the layers keep for it, and the output of the last one.
 */
function peakOfKept({ name, dispatches, marks }: Program): number {
  const boundary = marks?.["backward"];
  invariant(boundary !== undefined, `${name} does not mark where backward begins`);
  const before = new Set(tensorsOf(dispatches.slice(0, boundary)));
  const after = new Set(tensorsOf(dispatches.slice(boundary)));
  return [...before]
    .filter((tensor) => after.has(tensor) && tensor.home === "arena")
    .reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}

function tensorsOf(dispatches: Program["dispatches"]): Tensor[] {
  return dispatches.flatMap(({ views }) => views.map(({ tensor }) => tensor));
}

/**
 * The fastest memory choice whose plan stays within the budget: as many rows at a time as fit, then
 * as many kept layers, or as many kept inputs.
 * @returns the smallest choice where none fits
 */
export function chooseMemory(options: DesignOptions, budgetBytes: number): MemoryChoice {
  return bestDesign(options, budgetBytes).memoryChoice;
}

/** `bytesOf` the design of `chooseMemory`: the bytes of a run, before it begins. */
export function planBytes(options: DesignOptions, budgetBytes: number): PlannedBytes {
  return bytesOf(bestDesign(options, budgetBytes));
}

interface SizedDesign {
  design: Design;
  keptLayers: number;
  bytes: number;
}

function bestDesign(options: DesignOptions, budgetBytes: number): Design {
  const resident = bestOf(options, budgetBytes, designer(options));
  if (options.canStream !== true || totalOf(resident) <= budgetBytes) {
    return resident;
  }
  const design = designer(options, true);
  return bestOf(options, budgetBytes, (choice) => design({ ...choice, isStreamed: true }));
}

function bestOf(
  { shape, config }: DesignOptions,
  budgetBytes: number,
  design: (choice: MemoryChoice) => Design,
): Design {
  for (let rowsPerPass = shape.rows; ; rowsPerPass = Math.ceil(rowsPerPass / 2)) {
    const keeping = (keptLayers: number) => sized(design({ rowsPerPass, keptLayers }));
    const none = keeping(0);
    if (none.bytes <= budgetBytes) {
      const all = keeping(config.numHiddenLayers);
      const best = all.bytes <= budgetBytes ? all : mostKept(none, all, keeping, budgetBytes);
      return best.design;
    }
    if (rowsPerPass === 1) {
      return mostInputs(none.design, design, budgetBytes);
    }
  }
}

/** As many kept inputs as fit, tried from the most on: each step costs time. */
function mostInputs(
  whole: Design,
  design: (choice: MemoryChoice) => Design,
  budgetBytes: number,
): Design {
  const most = mostLayersPerInput(whole.model.config.numHiddenLayers);
  let smallest = sized(whole);
  for (let layersPerInput = 2; layersPerInput <= most; layersPerInput++) {
    const tried = sized(design({ ...whole.memoryChoice, layersPerInput }));
    smallest = tried.bytes < smallest.bytes ? tried : smallest;
    if (tried.bytes <= budgetBytes) {
      return tried.design;
    }
  }
  return smallest.design;
}

function sized(design: Design): SizedDesign {
  return { design, keptLayers: design.memoryChoice.keptLayers, bytes: totalOf(design) };
}

/**
 * Searches between a design that fits and one that does not, by interpolation: layers need about
 * the same bytes each, so few designs are tried.
 */
function mostKept(
  fitting: SizedDesign,
  exceeding: SizedDesign,
  keeping: (layers: number) => SizedDesign,
  budgetBytes: number,
): SizedDesign {
  let [low, high] = [fitting, exceeding];
  while (high.keptLayers - low.keptLayers > 1) {
    const layers = high.keptLayers - low.keptLayers;
    const share = (budgetBytes - low.bytes) / (high.bytes - low.bytes);
    const step = Math.max(1, Math.floor(share * layers));
    const tried = keeping(low.keptLayers + step);
    if (tried.bytes <= budgetBytes) {
      low = tried;
    } else {
      high = tried;
    }
  }
  return low;
}
