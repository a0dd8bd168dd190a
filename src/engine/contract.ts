// What the trainer needs of an engine, and nothing else. Two engines keep this contract with the
// same numbers: engine/webgpu (compiled) and engine/tfjs (the reference).
import type { AdapterState } from "../adapter/state.ts";
import type { TokenBatch } from "../data/batch.ts";

/** What changes from one optimizer step to the next. */
export interface StepHyper {
  /** Optimizer step being made, from 1; also the counter of the bias correction and of dropout. */
  step: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  /** Added to the root of the second moment. */
  epsilon: number;
  /** Decoupled: weights shrink by learningRate * weightDecay. */
  weightDecay: number;
  /** Gradients are scaled down to this global L2 norm; 0 leaves them alone. */
  maxGradNorm: number;
  /** Seed of dropout. */
  seed: number;
}

export interface StepMetrics {
  /**
   * The objective, cross-entropy if no other is chosen, summed over the supervised tokens of every
   * micro-batch, in nats.
   */
  lossSum: number;
  supervisedTokens: number;
  /** Global L2 norm of the adapter's gradient before clipping. */
  gradNorm: number;
}

export interface LossSum {
  /** Cross-entropy summed over supervised tokens, in nats. */
  lossSum: number;
  supervisedTokens: number;
}

export interface SamplingOptions {
  maxNewTokens: number;
  /** 0 picks the most likely token. */
  temperature: number;
  /** Keep the smallest set of tokens whose probabilities add up to this; 1 keeps all. */
  topP: number;
  seed: number;
  stopTokens: readonly number[];
  /** false runs the frozen base model. */
  useAdapter: boolean;
  signal?: AbortSignal;
}

export interface EngineMemory {
  /** Bytes a run of this shape was said to need before it began. */
  plannedBytes: number;
  /** Bytes of device buffers that exist now, in use or pooled. */
  allocatedBytes: number;
}

export interface Engine {
  /**
   * One optimizer step over all micro-batches, normalised by the supervised tokens of the whole
   * step. A loss or norm that is not finite throws `non-finite-loss` and leaves the adapter as it
   * was.
   */
  step(microBatches: readonly TokenBatch[], hyper: StepHyper): Promise<StepMetrics>;
  /**
   * Cross-entropy of a batch, whatever training minimises, with the adapter on and dropout off;
   * changes nothing.
   */
  evaluate(batch: TokenBatch): Promise<LossSum>;
  /** New tokens one by one, the stop token left out. */
  generate(prompt: readonly number[], options: SamplingOptions): AsyncIterable<number>;
  /**
   * Adapter and optimizer moments on the host. Throws on a lost device: a copy is whole or it is
   * not made.
   */
  readState(): Promise<AdapterState>;
  /** Replaces adapter and moments; names and shapes must be the engine's own. */
  writeState(state: AdapterState): void;
  memory(): EngineMemory;
  /** Frees every device buffer of the engine. */
  dispose(): void;
}

/** `webgpu` is compiled for the GPU; `tfjs` is the reference, slower and on any backend. */
export type EngineName = "webgpu" | "tfjs";

/**
 * An engine on the device, and what it does to fit: both change the time a step takes, never what
 * is learned.
 */
export interface EngineReport {
  /** What runs, which is the reference where the compiled engine has no kernels for the model. */
  engine: EngineName;
  plannedBytes: number;
  layers: number;
  /** Layers that compute their activations twice rather than keep them. */
  recomputedLayers: number;
  /** Rows of a micro-batch, and how many of them go through the device at a time. */
  rows: number;
  rowsPerPass: number;
}

/** Shape of a run's micro-batches. */
export interface BatchShape {
  rows: number;
  /** Tokens of a row. */
  length: number;
}

/** What tfjs computes on, for the reference engine. */
export type BackendName = "webgpu" | "wasm" | "cpu";
