// Where LoRA matrices go and how they start: PEFT's matching, names, shapes and initialisation.
import { linearsOfLayer } from "../model/tensors.ts";
import { streams, substream, uniforms } from "../util/random.ts";
import type { AdapterState, AdapterTensor } from "./state.ts";
import type { ModelConfig } from "../model/config/model-config.ts";

export interface LoraConfig {
  rank: number;
  alpha: number;
  /** Share of the adapter's input that training zeroes. */
  dropout: number;
  targetModules: readonly string[];
}

/** One adapted linear layer: its output gains `scaling * B(A(x))`. */
export interface LoraTarget {
  /** Module path in the base model. */
  module: string;
  inFeatures: number;
  outFeatures: number;
  /** PEFT name of `[rank, in]`. */
  nameA: string;
  /** PEFT name of `[out, rank]`. */
  nameB: string;
}

/** alpha / rank (peft/tuners/lora/layer.py, without rsLoRA). */
export function scalingOf(lora: LoraConfig): number {
  return lora.alpha / lora.rank;
}

/** The adapted layers in order: decoder layer, then forward order inside it. */
export function loraTargets(config: ModelConfig, lora: LoraConfig): LoraTarget[] {
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => layer);
  return layers
    .flatMap((layer) => linearsOfLayer(config, layer))
    .filter(({ target }) => lora.targetModules.includes(target))
    .map(({ module, inFeatures, outFeatures }) => ({
      module,
      inFeatures,
      outFeatures,
      nameA: `base_model.model.${module}.lora_A.weight`,
      nameB: `base_model.model.${module}.lora_B.weight`,
    }));
}

/** Names and shapes of all trained tensors in the engine's order: A before B, target by target. */
export function adapterShapes(
  targets: readonly LoraTarget[],
  rank: number,
): { name: string; shape: readonly [number, number] }[] {
  return targets.flatMap(({ nameA, nameB, inFeatures, outFeatures }) => [
    { name: nameA, shape: [rank, inFeatures] as const },
    { name: nameB, shape: [outFeatures, rank] as const },
  ]);
}

export function countTrainable(targets: readonly LoraTarget[], rank: number): number {
  return targets.reduce((sum, target) => sum + rank * (target.inFeatures + target.outFeatures), 0);
}

/**
 * A ~ U(-1/sqrt(in), 1/sqrt(in)) and B = 0, so that training starts at the base model (PEFT's
 * default).
 */
export function initialAdapter(
  targets: readonly LoraTarget[],
  rank: number,
  seed: number,
): AdapterState {
  const tensors = adapterShapes(targets, rank).map(({ name, shape }, index): AdapterTensor => {
    const isA = index % 2 === 0;
    const size = shape[0] * shape[1];
    return {
      name,
      shape,
      values: isA ? uniformStart(shape, seed, index) : new Float32Array(size),
      moment1: new Float32Array(size),
      moment2: new Float32Array(size),
    };
  });
  return { tensors };
}

function uniformStart(
  [rank, inFeatures]: readonly [number, number],
  seed: number,
  index: number,
): Float32Array {
  const bound = 1 / Math.sqrt(inFeatures);
  const draws = uniforms(seed, substream(streams.adapterInit, index), rank * inFeatures);
  return draws.map((draw) => (2 * draw - 1) * bound);
}
