// The design of a run: every program and every tensor it uses, as data. It needs no device: bytes
// are known before anything is downloaded or allocated (budget.ts), and the engine allocates
// exactly these.
import type { LoraConfig } from "../../adapter/lora.ts";
import { shortened, type Extent } from "../../gpu/extents.ts";
import type { Program } from "../../gpu/plan.ts";
import { defaultTiles, type TileChoice } from "../../kernels/matmul/tile.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import type { BatchShape } from "../contract.ts";
import { BatchTables } from "./batch-tables.ts";
import { describeExchange, type Exchange } from "./exchange.ts";
import { generationPrograms, programsOf, type GenerationPrograms } from "./generation-programs.ts";
import { chunkRowsOf } from "./layers/head.ts";
import type { MemoryChoice } from "./memory-choice.ts";
import { describeModelTensors, type ModelTensors } from "./model-tensors.ts";
import { evaluationPass, trainingPass, updatePass } from "./programs.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

export interface Design {
  model: ModelTensors;
  tables: BatchTables;
  /** The longest passes, for which the memory is planned. */
  training: Program;
  evaluation: Program;
  /** Their extents over fewer tokens, by `passTokens`. */
  extents: { training: ByTokens; evaluation: ByTokens };
  update: Program;
  generation: GenerationPrograms;
  programs: readonly Program[];
  memoryChoice: MemoryChoice;
  /** Only with an objective in tfjs ops. */
  exchange?: Exchange;
}

/** Extents of a pass by its tokens; recorded when they are first asked for. */
export type ByTokens = (tokens: number) => readonly Extent[];

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
  /** Whether a plan may stream the layers, where nothing else fits. */
  canStream?: boolean;
  tiles?: TileChoice;
}

/** Capacity of the caches in tokens, prompt and answer together, unless the model reads fewer. */
const generationTokens = 512;

/** Every program of a run, with every tensor; nothing is allocated. */
export function designRun(options: DesignOptions, memoryChoice: MemoryChoice): Design {
  return designer(options, memoryChoice.isStreamed)(memoryChoice);
}

/**
 * Designs of one run by memory choice, all with layers that are streamed, or all without. Their
 * common parts are made once.
 */
export function designer(
  options: DesignOptions,
  isStreamed = false,
): (memoryChoice: MemoryChoice) => Design {
  const { config, lora, shape, weightShapes, isWeighted = false, tiles = defaultTiles } = options;
  const capacity = Math.min(config.maxPositionEmbeddings, Math.max(generationTokens, shape.length));
  // One position more than the capacity, for the padding of a prompt's last piece.
  const positions = capacity + 1;
  const model = describeModelTensors(config, lora, weightShapes, positions, tiles, isStreamed);
  const update = updatePass(model);
  const generation = generationPrograms(model, capacity);
  const { slidingWindow: span } = config;
  const tableOptions = { span, isWeighted, hasDropout: model.dropoutRate > 0 };
  const evaluationOf = remembered((rowsPerPass: number) => {
    const tables = new BatchTables(rowsPerPass * shape.length, tableOptions);
    return { tables, evaluation: evaluationPass(model, tables) };
  });
  return (memoryChoice) => {
    const { rowsPerPass, keptLayers, layersPerInput = 1 } = memoryChoice;
    const kept = { keptLayers, layersPerInput };
    const { tables, evaluation } = evaluationOf(rowsPerPass);
    const exchange = options.hasObjective
      ? describeExchange(config, tables.tokens, chunkRowsOf(config, tables.tokens))
      : undefined;
    const training = trainingPass(model, tables, { ...kept, exchange });
    const extents = {
      training: byTokens(training, (tokens) => {
        const own = exchange && { ...exchange, pauses: [] };
        return trainingPass(model, tables, { ...kept, exchange: own, tokens });
      }),
      evaluation: byTokens(evaluation, (tokens) => evaluationPass(model, tables, tokens)),
    };
    const programs = [training, evaluation, update, ...programsOf(generation)];
    const design = {
      model,
      tables,
      training,
      evaluation,
      extents,
      update,
      generation,
      programs,
      memoryChoice,
    };
    return { ...design, ...(exchange && { exchange }) };
  };
}

function byTokens(program: Program, record: (tokens: number) => Program): ByTokens {
  return remembered((tokens) => shortened(program, record(tokens)));
}

function remembered<Result>(make: (of: number) => Result): (of: number) => Result {
  const made = new Map<number, Result>();
  return (of) => {
    const result = made.get(of) ?? make(of);
    made.set(of, result);
    return result;
  };
}
