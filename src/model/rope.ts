// The frequencies that RoPE (Su et al. 2021) turns by, with the scalings of transformers' modeling_rope_utils.py.
import type { Rope, RopeScaling } from "./config.ts";

/**
 * theta^(-2i/d) for each pair of a head, scaled, rounded to f32 where transformers rounds.
 * @returns [headDim / 2]
 */
export function inverseFrequencies(
  headDim: number,
  { theta, scaling }: Rope,
): Float32Array<ArrayBuffer> {
  const plain = Float32Array.from(
    { length: headDim / 2 },
    (_, i) => 1 / Math.fround(Math.pow(theta, Math.fround((2 * i) / headDim))),
  );
  return scaling === null ? plain : plain.map((frequency) => scaled(frequency, scaling));
}

function scaled(frequency: number, scaling: RopeScaling): number {
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
