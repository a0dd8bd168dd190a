// What the programs of one engine share: the model's shape, its weights and adapter on the device, and the batch.
import type { LoraConfig } from "../../adapter/lora.ts";
import { persistent, type Tensor } from "../../gpu/plan.ts";
import type { TileChoice } from "../../kernels/matmul/tile.ts";
import { storedWeight, type StoredWeight } from "../../kernels/weight-format/format.ts";
import type { ModelConfig } from "../../model/config.ts";
import { linearsOfLayer } from "../../model/tensors.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import { AdapterLayout } from "./adapter-layout.ts";

export interface Network {
  readonly config: ModelConfig;
  readonly adapter: AdapterLayout;
  readonly dropoutRate: number;
  /** Frozen tensors by Hugging Face name; a tied head is the embedding. */
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** cos and sin by position. */
  readonly cosSin: Tensor;
  readonly maxPositions: number;
  /** u32: dropout's stream of each target, anew for each micro-batch. */
  readonly streams: Tensor;
  /** 0 loss sum, 1 gradient norm, 2 whether the update was made. */
  readonly metrics: Tensor;
  readonly tiles: TileChoice;
}

/**
 * @param shapes how each frozen tensor is kept
 * @param maxPositions positions that are trained on or generated
 */
export function describeNetwork(
  config: ModelConfig,
  lora: LoraConfig,
  shapes: ReadonlyMap<string, WeightShape>,
  maxPositions: number,
  tiles: TileChoice,
): Network {
  const adapter = new AdapterLayout(config, lora);
  const weights = new Map(
    [...shapes].map(([name, { format, rows, cols, groupSize }]) => [
      name,
      storedWeight(name, format, rows, cols, groupSize),
    ]),
  );
  return {
    config,
    adapter,
    dropoutRate: lora.dropout,
    weights,
    cosSin: persistent("rotations", maxPositions * config.headDim),
    maxPositions,
    streams: persistent("dropout streams", Math.max(1, adapter.targets.size)),
    metrics: persistent("metrics", 4),
    tiles,
  };
}

/** @throws Error when the model has no such tensor */
export function weightOf({ weights }: Network, name: string): StoredWeight {
  const weight = weights.get(name);
  if (weight === undefined) {
    throw new Error(`${name} is not among the weights.`);
  }
  return weight;
}

/** Whether there are kernels for it: widths must be whole quads and heads of a usual size, as in every released Llama. */
export function isSupported(config: ModelConfig): boolean {
  const { headDim } = config;
  return (
    headDim % 4 === 0 &&
    headDim >= 8 &&
    headDim <= 256 &&
    linearsOfLayer(config, 0).every(
      ({ inFeatures, outFeatures }) => inFeatures % 4 === 0 && outFeatures % 4 === 0,
    )
  );
}
