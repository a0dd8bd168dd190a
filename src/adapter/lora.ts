// LoRA (Hu et al. 2021, arXiv:2106.09685) as PEFT does it: scaling, shapes and initialisation.
//
// A frozen layer y = W x becomes y = W x + scaling * B A x. A is [rank, in], B is [out, rank] and
// only they are trained: rank * (in + out) values instead of in * out. B starts at zero, so the
// first step starts from the base model exactly.
import { streams, substream, uniforms } from "../util/random.ts";
import type { AdapterState, AdapterTensor } from "./state.ts";
import type { LoraTarget } from "./targets.ts";

export interface LoraConfig {
  /** Inner dimension of A and B; PEFT's `r`. */
  rank: number;
  /** PEFT's `lora_alpha`: only alpha / rank has an effect. */
  alpha: number;
  /** Share of the adapter's input that training zeroes, 0 to 0.9; W x keeps all of x. */
  dropout: number;
  /** Last parts of module paths, e.g. `q_proj`. */
  targetModules: readonly string[];
}

/**
 * alpha / rank (peft/tuners/lora/layer.py, without rsLoRA). The division lets a learning rate be
 * kept when the rank changes (Hu et al., section 4.1).
 */
export function scalingOf(lora: LoraConfig): number {
  return lora.alpha / lora.rank;
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

/**
 * A new adapter with zero moments: A ~ U(-1/sqrt(in), 1/sqrt(in)), B = 0. The bound is PEFT's
 * default, `kaiming_uniform_` with a = sqrt(5): sqrt(6 / ((1 + a^2) in)) = 1 / sqrt(in)
 * (peft/tuners/lora/layer.py, reset_lora_parameters). The draws are Anneal's, by seed and tensor.
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
