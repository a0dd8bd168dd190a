// The reference engine: the whole model in tfjs ops, differentiated by tfjs, on any tfjs backend.
import * as tf from "@tensorflow/tfjs-core";
// tfjs-core alone knows no gradients; this adds them without the rest of the @tensorflow/tfjs
// bundle.
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { adapterShapes, scalingOf, type LoraConfig } from "../../adapter/lora.ts";
import { loraTargets, type LoraTarget } from "../../adapter/targets.ts";
import type { AdapterState } from "../../adapter/state.ts";
import type { TokenBatch } from "../../data/batching/batch.ts";
import type { Machine } from "./backend.ts";
import type { WeightStore } from "../../model/weights/store.ts";
import type {
  Engine,
  EngineMemory,
  EngineProgress,
  LossSum,
  SamplingOptions,
  StepHyper,
  StepMetrics,
  BatchShape,
} from "../contract.ts";
import { labelSmoothing } from "../label-smoothing.ts";
import { lossWeightOf } from "../loss-weight.ts";
import { refuseNonFinite } from "../non-finite.ts";
import type { Objective } from "../objective.ts";
import { sampleToken, untilStop } from "../sampling.ts";
import { adamW, clipByNorm, globalNorm } from "./adamw.ts";
import { estimateBytes } from "./estimate.ts";
import { FlatAdapter } from "./flat-adapter.ts";
import type { Linear } from "./decoder.ts";
import { Generation } from "./generation.ts";
import { frozenLinear, loraLinear, type DropoutDraw } from "./lora-linear.ts";
import { equalWeights, lossSumOf } from "./objective.ts";
import { loadWeights, type FrozenWeights } from "./weights.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

export interface TfjsEngineOptions {
  machine: Machine;
  config: ModelConfig;
  lora: LoraConfig;
  /** Of the run's micro-batches; decides the bytes planned. */
  shape: BatchShape;
  /** What training minimises; null or left out, cross-entropy. */
  objective?: Objective | null;
  weights: WeightStore;
  progress: EngineProgress;
  signal: AbortSignal;
}

/** Loads the weights and waits for an adapter through `writeState`. */
export async function createTfjsEngine(options: TfjsEngineOptions): Promise<TfjsEngine> {
  const { machine, config, lora, shape, weights, progress, signal } = options;
  const objective = options.objective ?? crossEntropy;
  const frozen = await machine.guard(
    loadWeights(
      config,
      weights,
      machine.upload,
      (doneBytes, totalBytes) => {
        progress({ kind: "uploaded", doneBytes, totalBytes });
      },
      signal,
    ),
  );
  return new TfjsEngine(machine, config, lora, shape, objective, frozen);
}

const crossEntropy = labelSmoothing(0);

export class TfjsEngine implements Engine {
  readonly #machine: Machine;
  readonly #config: ModelConfig;
  readonly #lora: LoraConfig;
  readonly #plannedBytes: number;
  readonly #objective: Objective;
  readonly #weights: FrozenWeights;
  readonly #targets: LoraTarget[];
  readonly #adapter: FlatAdapter;

  constructor(
    machine: Machine,
    config: ModelConfig,
    lora: LoraConfig,
    shape: BatchShape,
    objective: Objective,
    weights: FrozenWeights,
  ) {
    this.#machine = machine;
    this.#config = config;
    this.#lora = lora;
    this.#plannedBytes = estimateBytes(config, lora, shape);
    this.#objective = objective;
    this.#weights = weights;
    this.#targets = loraTargets(config, lora);
    this.#adapter = new FlatAdapter(adapterShapes(this.#targets, lora.rank));
  }

  async step(microBatches: readonly TokenBatch[], hyper: StepHyper): Promise<StepMetrics> {
    const supervisedTokens = microBatches.reduce((sum, batch) => sum + batch.supervisedTokens, 0);
    const lossWeight = lossWeightOf(microBatches);
    const { gradient, metrics } = tf.tidy(() => {
      const parts = microBatches.map((batch, microStep) =>
        this.#lossAndGradient(batch, lossWeight, this.#dropoutOf(hyper, microStep)),
      );
      const sum = parts.map((part) => part.gradient).reduce((a, b) => tf.add(a, b));
      const losses = parts.map((part) => part.lossSum);
      return { gradient: sum, metrics: tf.stack([globalNorm(sum), ...losses]) };
    });
    try {
      const [gradNorm = NaN, ...losses] = await this.#read(metrics);
      const lossSum = losses.reduce((a, b) => a + b, 0);
      refuseNonFinite(lossSum, gradNorm, hyper);
      this.#update(gradient, gradNorm, hyper);
      return { lossSum, lossWeight, supervisedTokens, gradNorm };
    } finally {
      tf.dispose([gradient, metrics]);
    }
  }

  async evaluate(batch: TokenBatch, useAdapter = true): Promise<LossSum> {
    const lossSum = tf.tidy(() => {
      const linear = useAdapter
        ? this.#adapted(this.#adapter.tensors(), null)
        : frozenLinear(this.#weights);
      const equal = equalWeights(batch);
      return lossSumOf(crossEntropy, this.#config, this.#weights, linear, batch, equal);
    });
    try {
      const [value = NaN] = await this.#read(lossSum);
      return { lossSum: value, supervisedTokens: batch.supervisedTokens };
    } finally {
      lossSum.dispose();
    }
  }

  async *generate(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    yield* untilStop(this.#sample(prompt, options), options);
  }

  async *#sample(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    const { maxNewTokens, useAdapter } = options;
    const { generation, dispose } = this.#startGeneration(prompt.length + maxNewTokens, useAdapter);
    try {
      let logits = generation.prefill(prompt);
      for (let index = 0; index < maxNewTokens; index++) {
        const token = sampleToken(await this.#take(logits), options, index);
        yield token;
        if (index + 1 < maxNewTokens) {
          logits = generation.next(token, prompt.length + index);
        }
      }
    } finally {
      dispose();
    }
  }

  /** Logits [V] for the token after the prompt: what generation samples from. */
  async nextLogits(prompt: readonly number[], useAdapter: boolean): Promise<Float32Array> {
    const { generation, dispose } = this.#startGeneration(prompt.length, useAdapter);
    try {
      return await this.#take(generation.prefill(prompt));
    } finally {
      dispose();
    }
  }

  async readState(): Promise<AdapterState> {
    return await this.#adapter.read((tensor) => this.#read(tensor));
  }

  writeState(state: AdapterState): void {
    this.#adapter.write(state);
    Object.values(this.#adapter.moments).forEach(this.#machine.upload);
  }

  memory(): EngineMemory {
    return {
      plannedBytes: this.#plannedBytes,
      allocatedBytes: this.#machine.allocatedBytes(),
    };
  }

  dispose(): void {
    this.#weights.dispose();
    this.#adapter.dispose();
  }

  /** @param capacity tokens of prompt and answer together */
  #startGeneration(capacity: number, useAdapter: boolean) {
    const tensors = useAdapter ? this.#adapter.tensors() : [];
    const linear = useAdapter ? this.#adapted(tensors, null) : frozenLinear(this.#weights);
    const generation = new Generation(this.#config, this.#weights, linear, capacity);
    const dispose = () => {
      generation.dispose();
      tf.dispose(tensors);
    };
    return { generation, dispose };
  }

  #lossAndGradient(
    batch: TokenBatch,
    lossWeight: number,
    dropout: DropoutDraw | null,
  ): { lossSum: tf.Scalar; gradient: tf.Tensor1D } {
    const weights = batch.weights ?? equalWeights(batch);
    const lossOf = (...tensors: tf.Tensor[]): tf.Scalar => {
      const linear = this.#adapted(tensors, dropout);
      return lossSumOf(this.#objective, this.#config, this.#weights, linear, batch, weights);
    };
    // The incoming gradient carries the mean over the whole step.
    const scale = tf.scalar(1 / lossWeight);
    const { value, grads } = tf.valueAndGrads(lossOf)(this.#adapter.tensors(), scale);
    return {
      lossSum: value,
      gradient: tf.concat1d(grads.map((gradient) => tf.reshape(gradient, [-1]))),
    };
  }

  #dropoutOf({ seed, step }: StepHyper, microStep: number): DropoutDraw | null {
    const rate = this.#lora.dropout;
    return rate === 0 ? null : { rate, seed, step, microStep };
  }

  #adapted(tensors: readonly tf.Tensor[], dropout: DropoutDraw | null): Linear {
    return loraLinear(this.#weights, this.#targets, tensors, scalingOf(this.#lora), dropout);
  }

  #update(gradient: tf.Tensor1D, gradNorm: number, hyper: StepHyper): void {
    const updated = tf.tidy(() =>
      adamW(this.#adapter.moments, clipByNorm(gradient, gradNorm, hyper.maxGradNorm), hyper),
    );
    this.#adapter.replace(updated);
  }

  async #read(tensor: tf.Tensor): Promise<Float32Array> {
    return await this.#machine.guard(tensor.data<"float32">());
  }

  async #take(tensor: tf.Tensor): Promise<Float32Array> {
    try {
      return await this.#read(tensor);
    } finally {
      tensor.dispose();
    }
  }
}
