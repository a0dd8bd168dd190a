// How much device memory a run takes, known without a device, and how to make it take less.
import type { LoraConfig } from "../../adapter/lora.ts";
import { paramBytes } from "../../gpu/memory.ts";
import { planMemory, type MemoryLayout } from "../../gpu/memory-planner.ts";
import type { Program, Tensor } from "../../gpu/plan.ts";
import { defaultTiles, type TileChoice } from "../../kernels/matmul/tile.ts";
import type { ModelConfig } from "../../model/config.ts";
import { BatchTables } from "./batch-tables.ts";
import { describeExchange, type Exchange } from "./exchange.ts";
import { chunkRowsOf } from "./head.ts";
import { describeNetwork, type Network, type WeightChoice } from "./network.ts";
import {
  evaluationPass,
  generationPass,
  generationState,
  trainingPass,
  updatePass,
  type GenerationState,
} from "./programs.ts";

export interface RunShape {
  /** Rows of a micro-batch and tokens of a row. */
  rows: number;
  length: number;
}

/** Choices that trade speed for memory; none changes what is learned. */
export interface Economy {
  /** Rows of a micro-batch that go through the GPU at a time. */
  rowsPerPass: number;
  /** Layers that keep their activations for backward; the others compute them twice. */
  keptLayers: number;
}

export interface Design {
  network: Network;
  tables: BatchTables;
  training: Program;
  evaluation: Program;
  update: Program;
  generation: GenerationPrograms;
  programs: readonly Program[];
  economy: Economy;
  /** With an objective in tfjs ops, which takes memory of its own besides. */
  exchange?: Exchange;
}

export interface GenerationPrograms {
  state: GenerationState;
  /** A piece of a prompt at a time. */
  pieceTables: BatchTables;
  tokenTables: BatchTables;
  /** With the adapter and without. */
  adapted: { prefill: Program; decode: Program };
  base: { prefill: Program; decode: Program };
}

export interface DesignOptions {
  config: ModelConfig;
  lora: LoraConfig;
  shape: RunShape;
  weights: WeightChoice;
  /** Whether the loss is an objective in tfjs ops; else it is cross-entropy by a kernel. */
  hasObjective?: boolean;
  tiles?: TileChoice;
}

/** Tokens of prompt and answer that generation has room for, as far as the model reads so many. */
const generationTokens = 512;
const promptPiece = 32;

/** Every program of a run, with every tensor; nothing is allocated. */
export function designRun(options: DesignOptions, economy: Economy): Design {
  const { config, lora, shape, weights, tiles = defaultTiles } = options;
  const capacity = Math.min(config.maxPositionEmbeddings, Math.max(generationTokens, shape.length));
  // One position more: where padding of a prompt's last piece goes.
  const network = describeNetwork(config, lora, weights, capacity + 1, tiles);
  const tables = new BatchTables(economy.rowsPerPass * shape.length);
  const exchange = options.hasObjective
    ? describeExchange(config, tables.tokens, chunkRowsOf(config, tables.tokens))
    : undefined;
  const training = trainingPass(network, tables, economy.keptLayers, exchange);
  const evaluation = evaluationPass(network, tables);
  const update = updatePass(network);
  const generation = generationPrograms(network, capacity);
  const { adapted, base } = generation;
  const programs = [
    training,
    evaluation,
    update,
    adapted.prefill,
    adapted.decode,
    base.prefill,
    base.decode,
  ];
  const design = { network, tables, training, evaluation, update, generation, programs, economy };
  return { ...design, ...(exchange && { exchange }) };
}

function generationPrograms(network: Network, capacity: number): GenerationPrograms {
  const state = generationState(network, capacity);
  const pieceTables = new BatchTables(Math.min(promptPiece, capacity));
  const tokenTables = new BatchTables(1);
  const both = (hasAdapter: boolean) => ({
    prefill: generationPass(network, pieceTables, state, hasAdapter),
    decode: generationPass(network, tokenTables, state, hasAdapter),
  });
  return { state, pieceTables, tokenTables, adapted: both(true), base: both(false) };
}

export interface PlannedBytes {
  weightsBytes: number;
  /** Values and gradients. */
  adapterBytes: number;
  /** Both moments. */
  optimizerBytes: number;
  /** What layers keep from forward to backward. */
  activationsBytes: number;
  /** The rest: working memory, caches of generation, tables. */
  scratchBytes: number;
  totalBytes: number;
  /** Layers that compute their activations twice. */
  recomputedLayers: number;
}

/** Device bytes of a design, to the byte what `Runner.create` will allocate. */
export function bytesOf({ network, training, programs, economy }: Design): PlannedBytes {
  const layout = planMemory(programs);
  const sum = (tensors: Iterable<Tensor>) =>
    [...tensors].reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  const weightsBytes = sum(
    [...network.weights.values()].flatMap(({ tensors }) => Object.values(tensors)),
  );
  const { values, gradients, moment1, moment2 } = network.adapter;
  const adapterBytes = sum([values, gradients]);
  const optimizerBytes = sum([moment1, moment2]);
  const activationsBytes = peakOfKept(training, layout);
  const totalBytes = layout.totalBytes + paramBytes(programs);
  return {
    weightsBytes,
    adapterBytes,
    optimizerBytes,
    activationsBytes,
    scratchBytes: totalBytes - weightsBytes - adapterBytes - optimizerBytes - activationsBytes,
    totalBytes,
    recomputedLayers: network.config.numHiddenLayers - economy.keptLayers,
  };
}

/** Bytes alive when forward turns into backward: what was kept, and the gradient that has just begun. */
function peakOfKept({ dispatches }: Program, layout: MemoryLayout): number {
  const turn = dispatches.findIndex(({ kernel }) => kernel.name === "clear");
  const before = new Set(tensorsOf(dispatches.slice(0, turn)));
  const after = new Set(tensorsOf(dispatches.slice(turn)));
  return [...before]
    .filter((tensor) => after.has(tensor) && layout.places.has(tensor))
    .reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}

function tensorsOf(dispatches: Program["dispatches"]): Tensor[] {
  return dispatches.flatMap(({ views }) => views.map(({ tensor }) => tensor));
}

/**
 * The fastest economy whose plan stays within the budget: as many rows at a time as fit, then as many kept layers.
 * @returns the smallest there is where none fits
 */
export function economise(options: DesignOptions, budgetBytes: number): Economy {
  const { shape, config } = options;
  const fits = (economy: Economy) => bytesOf(designRun(options, economy)).totalBytes <= budgetBytes;
  for (let rowsPerPass = shape.rows; ; rowsPerPass = Math.ceil(rowsPerPass / 2)) {
    if (fits({ rowsPerPass, keptLayers: 0 })) {
      const keptLayers = largest(config.numHiddenLayers, (kept) => {
        return fits({ rowsPerPass, keptLayers: kept });
      });
      return { rowsPerPass, keptLayers };
    }
    if (rowsPerPass === 1) {
      return { rowsPerPass, keptLayers: 0 };
    }
  }
}

/** The largest count that passes, where 0 does and each one below a passing one does. */
function largest(most: number, passes: (count: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (passes(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** `bytesOf` the economy that `economise` chooses: what a run takes, from its description alone. */
export function planBytes(options: DesignOptions, budgetBytes: number): PlannedBytes {
  return bytesOf(designRun(options, economise(options, budgetBytes)));
}
