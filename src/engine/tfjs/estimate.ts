// The device bytes of a run of the reference engine, before anything is allocated. An estimate:
// tfjs's tape keeps every activation and every gradient of one until the backward pass
// ends.
import type { LoraConfig } from "../../adapter/lora.ts";
import { countTrainable, loraTargets } from "../../adapter/targets.ts";
import { tensorsOf } from "../../model/tensors.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";
import type { BatchShape } from "../contract.ts";

const f32Bytes = 4;

/** Device bytes of a run: weights, adapter, and one micro-batch forward and backward. */
export function estimateBytes(config: ModelConfig, lora: LoraConfig, shape: BatchShape): number {
  const weights = tensorsOf(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const adapter = countTrainable(loraTargets(config, lora), lora.rank);
  // Values, both moments, the gradient and the temporaries of the update.
  const adapterCopies = 10;
  return f32Bytes * (weights + adapterCopies * adapter + activations(config, shape));
}

/**
 * Values of one forward and backward pass: saved tensors, gradients and what the pool holds
 * besides. The factors are fitted to the bytes measured on the demo (4 x 40 tokens: 65 MB, 8 x 40:
 * 118 MB); what a peculiarity adds, to the peak of tf.profile with it and without.
 */
function activations(config: ModelConfig, { rows, length }: BatchShape): number {
  const tokens = rows * length;
  const queryWidth = config.numAttentionHeads * config.headDim;
  const keyWidth = config.numKeyValueHeads * config.headDim;
  const scores = rows * config.numAttentionHeads * length * length;
  const perHidden = 30 + (config.hasSandwichNorms ? 16 : 0);
  const perHeads = 23 + (config.hasQkNorm ? 8 : 0) + (config.hasQkvBias ? 3 : 0);
  const perMlp = 23 + (config.activation === "silu" ? 0 : 18);
  const perScore = 13 + (config.attentionSoftcap === null ? 0 : 6);
  const perLogit = 10 + (config.logitSoftcap === null ? 0 : 6);
  const perToken =
    perHidden * config.hiddenSize +
    perHeads * (queryWidth + keyWidth) +
    perMlp * config.intermediateSize;
  const layer = tokens * perToken + perScore * scores;
  return config.numHiddenLayers * layer + perLogit * tokens * config.vocabSize;
}
