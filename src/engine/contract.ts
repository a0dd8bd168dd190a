// The contract between the trainer and an engine. Two engines keep it with the same numbers:
// engine/webgpu (compiled) and engine/tfjs (the reference).
//
// The trainer owns the order of the data, the schedule and the counter of steps; the engine owns
// the device, the adapter and the optimizer. A step is a pure function of adapter, moments, batches
// and `StepHyper`: dropout is drawn by counter, so a step repeated after a restart has equal bits.
import type { AdapterState } from "../adapter/state.ts";
import type { TokenBatch } from "../data/batching/batch.ts";

/**
 * Hyperparameters of one optimizer step: AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) in
 * PyTorch's order of operations (torch/optim/adamw.py), after clipping by global norm
 * (torch.nn.utils.clip_grad_norm_).
 */
export interface StepHyper {
  /** Optimizer step, from 1; also the counter of the bias correction and of dropout. */
  step: number;
  /** Of this step, after warm-up and decay. */
  learningRate: number;
  /** Decay of the first moment, [0, 1). */
  beta1: number;
  /** Decay of the second moment, [0, 1). */
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
   * The objective, by default cross-entropy, summed over the supervised tokens of all
   * micro-batches, in nats, each times its weight in a batch that has weights.
   */
  lossSum: number;
  /** What the loss sum is divided by (see `lossWeightOf`). */
  lossWeight: number;
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
  /** Divides the logits; 0 picks the most likely token. */
  temperature: number;
  /**
   * Keeps the smallest set of tokens whose probabilities add up to this; 1 keeps all (nucleus
   * sampling: Holtzman et al. 2020, arXiv:1904.09751).
   */
  topP: number;
  /** With the index of a token it decides its draw. */
  seed: number;
  stopTokens: readonly number[];
  /** false runs the frozen base model. */
  useAdapter: boolean;
  signal?: AbortSignal;
}

export interface EngineMemory {
  /** Bytes of the plan, made before anything was allocated. */
  plannedBytes: number;
  /** Bytes of device buffers that exist now, in use or pooled. */
  allocatedBytes: number;
}

export interface Engine {
  /**
   * One optimizer step. The gradient is that of the loss sum over all micro-batches, divided by the
   * loss weight of the whole step, so that the split into micro-batches does not change the result.
   * @throws UserError "non-finite-loss" when loss or norm is not finite; the adapter is unchanged
   */
  step(microBatches: readonly TokenBatch[], hyper: StepHyper): Promise<StepMetrics>;
  /**
   * Cross-entropy of a batch, whatever the objective of training and the weights of rows, with
   * dropout off. Changes nothing.
   * @param useAdapter false gives the bits of an adapter whose B is zero: the base model's; true
   *   where it is left out
   */
  evaluate(batch: TokenBatch, useAdapter?: boolean): Promise<LossSum>;
  /** New tokens one by one, without the stop token. */
  generate(prompt: readonly number[], options: SamplingOptions): AsyncIterable<number>;
  /**
   * Adapter and optimizer moments on the host. Throws on a lost device, so a copy is never partial.
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
 * The engine of a run, and how it fits the device. Both change the duration of a step, never its
 * result.
 */
export interface EngineReport {
  /** The reference where the compiled engine has no kernels for the model. */
  engine: EngineName;
  plannedBytes: number;
  layers: number;
  /** Layers that recompute their activations in backward instead of keeping them. */
  recomputedLayers: number;
  /** Those of them that first run for the input of a layer above. */
  layersRunThrice: number;
  /** Whether the weights of the layers come from the store again for every pass over them. */
  isStreamed: boolean;
  /** Rows of a micro-batch. */
  rows: number;
  /** Rows of it that the device computes at a time. */
  rowsPerPass: number;
}

/** What opening an engine has done so far; both kinds go on at the same time. */
export type EngineReadiness =
  /** Weights on the device. */
  | { kind: "uploaded"; doneBytes: number; totalBytes: number }
  /** Kernels that a step needs; only the compiled engine has them. */
  | { kind: "compiled"; done: number; total: number };

export type EngineProgress = (readiness: EngineReadiness) => void;

/** Shape of a run's micro-batches. */
export interface BatchShape {
  rows: number;
  /** Tokens of a row. */
  length: number;
}

/** The tfjs backend of the reference engine. */
export type BackendName = "webgpu" | "wasm" | "cpu";
