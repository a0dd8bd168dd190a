// What a run of the reference engine will take on the device, before anything is allocated. An estimate: tfjs's tape
// keeps every activation and every gradient of one until the backward pass ends.
import { countTrainable, loraTargets, type LoraConfig } from "../../adapter/lora.ts";
import type { ModelConfig } from "../../model/config.ts";
import { tensorsOf } from "../../model/tensors.ts";

const f32Bytes = 4;

/** @param rows of a micro-batch @param length tokens of a row */
export function estimateBytes(
  config: ModelConfig,
  lora: LoraConfig,
  rows: number,
  length: number,
): number {
  const weights = tensorsOf(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const adapter = countTrainable(loraTargets(config, lora), lora.rank);
  // Values, both moments, the gradient and the temporaries of the update.
  const adapterCopies = 10;
  return f32Bytes * (weights + adapterCopies * adapter + activations(config, rows, length));
}

/** Counted from the decoder's ops: saved tensors and their gradients of one forward and backward pass. */
function activations(config: ModelConfig, rows: number, length: number): number {
  const tokens = rows * length;
  const queryWidth = config.numAttentionHeads * config.headDim;
  const keyWidth = config.numKeyValueHeads * config.headDim;
  const scores = rows * config.numAttentionHeads * length * length;
  const perLayer =
    tokens *
      (18 * config.hiddenSize + 14 * (queryWidth + keyWidth) + 14 * config.intermediateSize) +
    8 * scores;
  const head = 6 * tokens * config.vocabSize;
  return config.numHiddenLayers * perLayer + head;
}
