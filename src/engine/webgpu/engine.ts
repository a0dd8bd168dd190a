// The compiled engine: a step is a fixed list of dispatches over memory that is planned first, then
// allocated.
import type { LoraConfig } from "../../adapter/lora.ts";
import type { AdapterState } from "../../adapter/state.ts";
import type { TokenBatch } from "../../data/batching/batch.ts";
import type { Pipelines } from "../../gpu/pipelines.ts";
import type { Program } from "../../gpu/plan.ts";
import { Runner } from "../../gpu/runner.ts";
import { adamWScalars } from "../../kernels/adamw/kernel.ts";
import type { TileChoice } from "../../kernels/matmul/tile.ts";
import { ropeTable } from "../../kernels/rope/table.ts";
import { noScalars, stepScalars, type StepScalars } from "../../kernels/step-scalars.ts";
import { inverseFrequencies } from "../../model/config/rope-frequencies.ts";
import type { WeightStore } from "../../model/weights/store.ts";
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import { streams, substream } from "../../util/random.ts";
import { adapterVectors } from "../adapter-order.ts";
import type {
  BatchShape,
  Engine,
  EngineMemory,
  EngineProgress,
  LossSum,
  SamplingOptions,
  StepHyper,
  StepMetrics,
} from "../contract.ts";
import { lossWeightOf } from "../loss-weight.ts";
import { refuseNonFinite } from "../non-finite.ts";
import type { Objective } from "../objective.ts";
import { bytesOf, chooseMemory, type PlannedBytes } from "./budget.ts";
import { designRun, type Design, type DesignOptions } from "./design.ts";
import { Generation } from "./generation.ts";
import { LayerStream, withoutLayers } from "./layer-stream.ts";
import { requireTensorsFit, requireWeightsFit } from "./limits.ts";
import { canStream, nextSmaller, type MemoryChoice } from "./memory-choice.ts";
import { passesOf, passTokens } from "./passes.ts";
import type { PausedPass } from "./paused-pass.ts";
import { uploadWeights } from "./weights.ts";
import type { OpenDevice } from "../../gpu/open-device.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

export interface WebGpuEngineOptions {
  opened: OpenDevice;
  config: ModelConfig;
  lora: LoraConfig;
  /** Of the run's micro-batches. */
  shape: BatchShape;
  weights: WeightStore;
  /** What training minimises, in tfjs ops; null or left out, cross-entropy by a kernel. */
  objective?: Objective | null;
  /** Whether the rows of a step have weights; all have then, or none. */
  isWeighted?: boolean;
  /** Device bytes that the memory choice aims at. */
  budgetBytes?: number;
  /** Overrides the choice by the budget. */
  memoryChoice?: MemoryChoice | undefined;
  tiles?: TileChoice;
  /** Of the device, where kernels are compiled ahead; left out, none are. */
  pipelines?: Pipelines;
  progress: EngineProgress;
  signal: AbortSignal;
}

/** Half of the reference machine's 16 GB, less what the browser itself needs. */
export const defaultBudgetBytes = 6e9;

/**
 * Allocates, uploads the weights, compiles meanwhile what a step needs, and waits for an adapter
 * through `writeState`. Evaluation and generation compile when they are first used. Where memory
 * does not suffice, the next smaller memory choice is tried.
 * @throws UserError "out-of-memory" when the smallest does not fit either; then nothing is held
 */
export async function createWebGpuEngine(options: WebGpuEngineOptions): Promise<WebGpuEngine> {
  const { budgetBytes = defaultBudgetBytes } = options;
  const hasObjective = (options.objective ?? null) !== null;
  const { weights } = options;
  const described = { ...options, hasObjective, weightShapes: weights.shapes };
  const first = options.memoryChoice ?? chooseMemory(described, budgetBytes);
  const { design, runner } = await allocateSmaller(described, first);
  try {
    const { model } = design;
    const { progress, signal, config } = options;
    // At the same time: the compiler has its own threads.
    await Promise.all([
      runner.prepare([design.training, design.update], (done, total) => {
        progress({ kind: "compiled", done, total });
      }),
      uploadWeights(
        design.memoryChoice.isStreamed ? withoutLayers(model.weights) : model.weights,
        weights,
        runner,
        (doneBytes, totalBytes) => {
          progress({ kind: "uploaded", doneBytes, totalBytes });
        },
        signal,
      ),
    ]);
    for (const { rope, cosSin } of model.rotations) {
      const frequencies = inverseFrequencies(config.headDim, rope);
      runner.write(cosSin, ropeTable(frequencies, model.maxPositions));
    }
    const stream = design.memoryChoice.isStreamed
      ? new LayerStream(runner, weights, model.weights)
      : null;
    return new WebGpuEngine(design, runner, await pausedPassOf(options, design, runner), stream);
  } catch (error) {
    runner.dispose();
    throw error;
  }
}

async function pausedPassOf(
  { opened, objective = null, config }: WebGpuEngineOptions,
  { exchange }: Design,
  runner: Runner,
): Promise<PausedPass | null> {
  if (objective === null || exchange === undefined) {
    return null;
  }
  const { PausedPass } = await import("./paused-pass.ts");
  return await PausedPass.open(opened, runner, objective, exchange, config);
}

async function allocateSmaller(
  options: WebGpuEngineOptions & DesignOptions,
  first: MemoryChoice,
): Promise<{ design: Design; runner: Runner }> {
  const { limits } = options.opened.device;
  const streams = canStream(options.weights, options.hasObjective ?? false);
  for (let memoryChoice = first; ;) {
    const design = designRun(options, memoryChoice);
    requireWeightsFit(design.model, limits);
    try {
      requireTensorsFit(design.programs, limits);
      const { opened, pipelines } = options;
      return { design, runner: await Runner.create(opened, design.programs, pipelines) };
    } catch (error) {
      const smaller = nextSmaller(memoryChoice, options.config.numHiddenLayers, streams);
      if (!(error instanceof UserError) || error.code !== "out-of-memory" || smaller === null) {
        throw error;
      }
      memoryChoice = smaller;
    }
  }
}

export class WebGpuEngine implements Engine {
  readonly #design: Design;
  readonly #runner: Runner;
  readonly #planned: PlannedBytes;
  readonly #generation: Generation;
  /** Runs the training pass where the loss is an objective in tfjs ops. */
  readonly #paused: PausedPass | null;
  readonly #stream: LayerStream | null;
  /** Ends with the work that came last: work waits for weights, and for no other work then. */
  #last: Promise<unknown> = Promise.resolve();
  #hasAdapter = false;

  constructor(
    design: Design,
    runner: Runner,
    paused: PausedPass | null,
    stream: LayerStream | null,
  ) {
    this.#design = design;
    this.#runner = runner;
    this.#planned = bytesOf(design);
    this.#generation = new Generation(design.generation, {
      runner,
      run: (program, count) => this.#run(program, count),
      alone: (work) => this.#alone(work),
    });
    this.#paused = paused;
    this.#stream = stream;
  }

  /** The planned bytes, in parts. */
  get planned(): PlannedBytes {
    return this.#planned;
  }

  get memoryChoice(): MemoryChoice {
    return this.#design.memoryChoice;
  }

  async step(microBatches: readonly TokenBatch[], hyper: StepHyper): Promise<StepMetrics> {
    this.#requireAdapter();
    return await this.#alone(() => this.#step(microBatches, hyper));
  }

  async #step(microBatches: readonly TokenBatch[], hyper: StepHyper): Promise<StepMetrics> {
    const supervisedTokens = microBatches.reduce((sum, batch) => sum + batch.supervisedTokens, 0);
    const lossWeight = lossWeightOf(microBatches);
    const scalars: StepScalars = {
      ...noScalars,
      ...adamWScalars(hyper),
      gradScale: 1 / lossWeight,
      seed: hyper.seed,
    };
    const startedAt = performance.now();
    let work = 0;
    for (const [microStep, batch] of microBatches.entries()) {
      this.#requireWeights(batch);
      this.#writeDropoutStreams(hyper.step, microStep);
      work += await this.#runPasses("training", batch, scalars, microStep === 0);
    }
    this.#runner.run(this.#design.update);
    const { lossSum, gradNorm, isUpdated } = await this.#readMetrics();
    this.#runner.learnPace(work, performance.now() - startedAt);
    if (!isUpdated) {
      refuseNonFinite(lossSum, gradNorm, hyper);
    }
    return { lossSum, lossWeight, supervisedTokens, gradNorm };
  }

  async evaluate(batch: TokenBatch, useAdapter = true): Promise<LossSum> {
    this.#requireAdapter();
    const { evaluation } = this.#design;
    await this.#runner.prepare([evaluation]);
    const evaluate = () => this.#runPasses("evaluation", batch, noScalars, true);
    return await this.#alone(async () => {
      await (useAdapter ? evaluate() : this.#withoutAdapter(evaluate));
      const { lossSum } = await this.#readMetrics();
      return { lossSum, supervisedTokens: batch.supervisedTokens };
    });
  }

  async *generate(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    yield* this.#generation.generate(prompt, options);
  }

  /** Logits [vocabulary] for the token after the prompt: what generation samples from. */
  async nextLogits(prompt: readonly number[], useAdapter: boolean): Promise<Float32Array> {
    return await this.#generation.nextLogits(prompt, useAdapter);
  }

  async readState(): Promise<AdapterState> {
    const { adapter } = this.#design.model;
    return await adapter.unpack(
      async (vector) => new Float32Array(await this.#runner.read(vector)),
    );
  }

  writeState(state: AdapterState): void {
    const { adapter } = this.#design.model;
    for (const vector of adapterVectors) {
      this.#runner.write(adapter[vector], adapter.pack(state, vector));
    }
    this.#hasAdapter = true;
  }

  memory(): EngineMemory {
    return {
      plannedBytes: this.#planned.totalBytes,
      allocatedBytes: this.#runner.createdBytes + (this.#paused?.allocatedBytes ?? 0),
    };
  }

  dispose(): void {
    this.#stream?.dispose();
    this.#paused?.dispose();
    this.#runner.dispose();
  }

  /**
   * Submits work that sees an adapter of zeros. The gradients, which are zero between two steps,
   * keep its values meanwhile: no memory, program or kernel besides those of evaluation.
   */
  async #withoutAdapter(work: () => Promise<unknown>): Promise<void> {
    const { values, gradients } = this.#design.model.adapter;
    this.#runner.copy(values, gradients);
    this.#runner.clear(values);
    await work();
    this.#runner.copy(gradients, values);
    this.#runner.clear(gradients);
  }

  /**
   * Runs a program over the rows of a batch, as many at a time as fit.
   * @returns the work submitted
   */
  async #runPasses(
    kind: "training" | "evaluation",
    batch: TokenBatch,
    scalars: StepScalars,
    isFirstBatch: boolean,
  ): Promise<number> {
    const { tables, extents, [kind]: program } = this.#design;
    let work = 0;
    for (const { firstRow, rows, tokens } of passesOf(batch, tables.tokens)) {
      const { values, supervisedRows } = tables.fill(batch, firstRow, rows);
      this.#runner.write(tables.tensor, values);
      this.#runner.writePerRun(stepScalars, {
        ...scalars,
        supervisedRows,
        isFirstPass: isFirstBatch && firstRow === 0 ? 1 : 0,
      });
      this.#runner.resize(program, extents[kind](passTokens(tokens, tables.tokens)));
      work +=
        kind === "training" && this.#paused !== null
          ? this.#paused.run(program, supervisedRows)
          : await this.#run(program, supervisedRows);
    }
    return work;
  }

  /** As `Runner.run`; a promise where layers are streamed. */
  #run(program: Program, count: number): number | Promise<number> {
    return this.#stream?.run(program, count) ?? this.#runner.run(program, count);
  }

  /** One piece of work after the other, although each waits in between. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const own = this.#last.then(work, work);
    this.#last = own;
    return await own;
  }

  /** The streams of the reference engine: dropout draws the same numbers on both. */
  #writeDropoutStreams(step: number, microStep: number): void {
    const { model } = this.#design;
    if (model.dropoutRate > 0) {
      const table = Uint32Array.from({ length: model.adapter.targets.size }, (_, target) =>
        substream(streams.dropout, step, microStep, target),
      );
      this.#runner.write(model.streams, table);
    }
  }

  async #readMetrics(): Promise<{ lossSum: number; gradNorm: number; isUpdated: boolean }> {
    const values = new Float32Array(await this.#runner.read(this.#design.model.metrics));
    const [lossSum = NaN, gradNorm = NaN, updated = 0] = values;
    return { lossSum, gradNorm, isUpdated: updated === 1 };
  }

  #requireWeights({ weights }: TokenBatch): void {
    const { isWeighted } = this.#design.tables;
    invariant(
      (weights !== null) === isWeighted,
      `rows ${isWeighted ? "without" : "with"} weights, planned for the opposite`,
    );
  }

  #requireAdapter(): void {
    invariant(this.#hasAdapter, "the engine has no adapter yet: call writeState first");
  }
}
