// The design of a run: every program and every tensor it uses, as data. It needs no device: bytes
// are known before anything is downloaded or allocated (budget.ts), and the engine allocates
// exactly these.
import type { LoraConfig } from "../../adapter/lora.ts";
import type { Program } from "../../gpu/plan.ts";
import { defaultTiles, type TileChoice } from "../../kernels/matmul/tile.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import type { BatchShape } from "../contract.ts";
import { BatchTables } from "./batch-tables.ts";
import { describeExchange, type Exchange } from "./exchange.ts";
import { generationPrograms, programsOf, type GenerationPrograms } from "./generation-programs.ts";
import { chunkRowsOf } from "./layers/head.ts";
import { describeModelTensors, type ModelTensors } from "./model-tensors.ts";
import { evaluationPass, trainingPass, updatePass } from "./programs.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Choices that trade speed for memory; none changes a result. */
export interface MemoryChoice {
  /** Rows of a micro-batch that the GPU computes at a time. */
  rowsPerPass: number;
  /** Layers, from the top, that keep their activations for backward; the others recompute them. */
  keptLayers: number;
}

export interface Design {
  model: ModelTensors;
  tables: BatchTables;
  training: Program;
  evaluation: Program;
  update: Program;
  generation: GenerationPrograms;
  programs: readonly Program[];
  memoryChoice: MemoryChoice;
  /** Only with an objective in tfjs ops. */
  exchange?: Exchange;
}

export interface DesignOptions {
  config: ModelConfig;
  lora: LoraConfig;
  shape: BatchShape;
  /** Weight format of each frozen tensor. */
  weightShapes: ReadonlyMap<string, WeightShape>;
  /** Whether tfjs computes the loss; else it is cross-entropy by a kernel. */
  hasObjective?: boolean;
  /** Whether rows have weights; else every trained token counts the same. */
  isWeighted?: boolean;
  tiles?: TileChoice;
}

/** Capacity of the caches in tokens, prompt and answer together, unless the model reads fewer. */
const generationTokens = 512;

/** Every program of a run, with every tensor; nothing is allocated. */
export function designRun(options: DesignOptions, memoryChoice: MemoryChoice): Design {
  return designer(options)(memoryChoice);
}

/** Designs of one run by memory choice. Their common parts are made once. */
export function designer(options: DesignOptions): (memoryChoice: MemoryChoice) => Design {
  const { config, lora, shape, weightShapes, isWeighted, tiles = defaultTiles } = options;
  const capacity = Math.min(config.maxPositionEmbeddings, Math.max(generationTokens, shape.length));
  // One position more than the capacity, for the padding of a prompt's last piece.
  const model = describeModelTensors(config, lora, weightShapes, capacity + 1, tiles);
  const update = updatePass(model);
  const generation = generationPrograms(model, capacity);
  const evaluations = new Map<number, { tables: BatchTables; evaluation: Program }>();
  const evaluationOf = (rowsPerPass: number) => {
    const tables = new BatchTables(rowsPerPass * shape.length, config.slidingWindow, isWeighted);
    return { tables, evaluation: evaluationPass(model, tables) };
  };
  return (memoryChoice) => {
    const { rowsPerPass, keptLayers } = memoryChoice;
    const shared = evaluations.get(rowsPerPass) ?? evaluationOf(rowsPerPass);
    evaluations.set(rowsPerPass, shared);
    const { tables, evaluation } = shared;
    const exchange = options.hasObjective
      ? describeExchange(config, tables.tokens, chunkRowsOf(config, tables.tokens))
      : undefined;
    const training = trainingPass(model, tables, keptLayers, exchange);
    const programs = [training, evaluation, update, ...programsOf(generation)];
    const design = {
      model,
      tables,
      training,
      evaluation,
      update,
      generation,
      programs,
      memoryChoice,
    };
    return { ...design, ...(exchange && { exchange }) };
  };
}
