// What the programs of one engine share: the model's shape, its weights and adapter on the device,
// and the batch.
import type { LoraConfig } from "../../adapter/lora.ts";
import { persistent, type Tensor } from "../../gpu/plan.ts";
import type { TileChoice } from "../../kernels/matmul/tile.ts";
import { storedWeight, type StoredWeight } from "../../kernels/weight-format/format.ts";
import { linearsOfLayer } from "../../model/tensors.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import { invariant } from "../../util/assert.ts";
import { AdapterLayout } from "./adapter-layout.ts";
import { turningWeights } from "./layer-stream.ts";
import { ropeOf } from "./layers/layer-shape.ts";
import type { ModelConfig, Rope } from "../../model/config/model-config.ts";

/** RoPE parameters shared by some layers, with their cos and sin by position. */
export interface Rotation {
  readonly rope: Rope;
  readonly cosSin: Tensor;
}

export interface ModelTensors {
  readonly config: ModelConfig;
  readonly adapter: AdapterLayout;
  readonly dropoutRate: number;
  /** Frozen tensors by Hugging Face name; a tied head is the embedding. */
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** One for each distinct RoPE of the model; layers with equal parameters share it. */
  readonly rotations: readonly Rotation[];
  readonly maxPositions: number;
  /** u32: dropout's stream of each target, written for each micro-batch. */
  readonly streams: Tensor;
  /** 0 loss sum, 1 gradient norm, 2 whether the update was made. */
  readonly metrics: Tensor;
  readonly tiles: TileChoice;
}

/**
 * @param shapes how each frozen tensor is kept
 * @param maxPositions positions that are trained on or generated
 * @param isStreamed whether layers take turns in the memory of two
 */
export function describeModelTensors(
  config: ModelConfig,
  lora: LoraConfig,
  shapes: ReadonlyMap<string, WeightShape>,
  maxPositions: number,
  tiles: TileChoice,
  isStreamed = false,
): ModelTensors {
  const adapter = new AdapterLayout(config, lora);
  const weights = isStreamed
    ? turningWeights(shapes)
    : new Map([...shapes].map(([name, shape]) => [name, storedWeight(name, shape)]));
  return {
    config,
    adapter,
    dropoutRate: lora.dropout,
    weights,
    rotations: ropesOf(config).map((rope) => ({
      rope,
      cosSin: persistent("rotations", maxPositions * config.headDim),
    })),
    maxPositions,
    streams: persistent("dropout streams", Math.max(1, adapter.targets.size)),
    metrics: persistent("metrics", 4),
    tiles,
  };
}

/** @throws Error when the model has no such tensor */
export function weightOf({ weights }: ModelTensors, name: string): StoredWeight {
  const weight = weights.get(name);
  if (weight === undefined) {
    throw new Error(`${name} is not among the weights.`);
  }
  return weight;
}

/**
 * A vector such as a norm's weight, which is f32 in every model. @throws Error when the model has
 * no such tensor
 */
export function vectorOf(model: ModelTensors, name: string): Tensor {
  const { format, tensors } = weightOf(model, name);
  const { weight } = tensors;
  invariant(format === "f32" && weight !== undefined, `${name} is kept as ${format}`);
  return weight;
}

/** The RoPE of a layer; null for a layer without one. */
export function rotationOf({ config, rotations }: ModelTensors, layer: number): Rotation | null {
  const rope = ropeOf(config, layer);
  return rotations.find((rotation) => rope !== null && areEqual(rotation.rope, rope)) ?? null;
}

function ropesOf(config: ModelConfig): Rope[] {
  const ropes = config.layers
    .map((_, layer) => ropeOf(config, layer))
    .filter((rope) => rope !== null);
  return ropes.filter((rope, index) => ropes.findIndex((other) => areEqual(other, rope)) === index);
}

function areEqual(a: Rope, b: Rope): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Whether there are kernels for it: widths must be whole quads and heads of a usual size, as in
 * every released model. What else a description says, they can do.
 */
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
