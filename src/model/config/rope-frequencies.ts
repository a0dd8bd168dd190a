// The frequencies that RoPE (Su et al. 2021) turns by, with the scalings of transformers'
// modeling_rope_utils.py.
import type { Rope, RopeScaling } from "./model-config.ts";

/**
 * theta^(-2i/d) for each pair of a head, scaled, rounded to f32 where transformers rounds.
 * @returns [headDim / 2]
 */
export function inverseFrequencies(
  headDim: number,
  { theta, scaling }: Rope,
): Float32Array<ArrayBuffer> {
  const powers = Float32Array.from({ length: headDim / 2 }, (_, i) =>
    Math.pow(theta, Math.fround((2 * i) / headDim)),
  );
  if (scaling?.kind === "factors") {
    const { factors } = scaling;
    return powers.map((power, i) => 1 / Math.fround(Math.fround(factors[i] ?? NaN) * power));
  }
  const plain = powers.map((power) => 1 / power);
  return scaling === null ? plain : plain.map((frequency) => scaled(frequency, scaling));
}

/** What cosine and sine are multiplied by. */
export function attentionFactor({ scaling }: Rope): number {
  return scaling?.kind === "factors" ? scaling.attentionFactor : 1;
}

type FrequencyScaling = Exclude<RopeScaling, { kind: "factors" }>;

function scaled(frequency: number, scaling: FrequencyScaling): number {
  switch (scaling.kind) {
    case "linear":
      return frequency / scaling.factor;
    case "llama3": {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength > originalMaxPositionEmbeddings / lowFreqFactor) {
        return frequency / factor;
      }
      if (wavelength < originalMaxPositionEmbeddings / highFreqFactor) {
        return frequency;
      }
      const smooth =
        (originalMaxPositionEmbeddings / wavelength - lowFreqFactor) /
        (highFreqFactor - lowFreqFactor);
      return ((1 - smooth) * frequency) / factor + smooth * frequency;
    }
  }
}
