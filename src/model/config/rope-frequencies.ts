// The frequencies of RoPE (Su et al. 2021, arXiv:2104.09864) with the scalings of transformers'
// modeling_rope_utils.py.
import type { Rope, RopeScaling } from "./model-config.ts";

/**
 * RoPE rotates pair i of a head at position p by the angle p * f_i, where f_i = theta^(-2i/d) and
 * d = headDim. Pair 0 completes a rotation in 2 pi tokens, the last pair in about 2 pi theta.
 *
 * A model is trained up to some length; slow pairs never complete a rotation there, so longer
 * texts show them unseen angles. The scalings stretch the angles:
 * - `linear` (Chen et al. 2023, position interpolation): every f_i / factor.
 * - `llama3` (_compute_llama3_parameters): pairs with a wavelength 2 pi / f_i above
 *   original / lowFreqFactor are divided by factor, those below original / highFreqFactor are
 *   unchanged, those between are interpolated.
 * - `yarn` (Peng et al. 2023, arXiv:2309.00071; _compute_yarn_parameters): a ramp over the pairs,
 *   from f_i where a pair rotates betaFast times within the original length to f_i / factor where
 *   it rotates betaSlow times.
 * - `factors` (longrope, Phi-3): a separate divisor for each pair.
 *
 * Values are rounded to f32 where transformers rounds, so the frequencies agree within 2e-7.
 * @returns [headDim / 2], in radians per token
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
  if (scaling?.kind === "yarn") {
    const [low, high] = yarnRange(headDim, theta, scaling);
    return powers.map((power, i) => {
      const ramp = Math.fround(Math.fround(i - low) / Math.fround(high - low));
      const kept = Math.fround(1 - Math.min(Math.max(ramp, 0), 1));
      const slow = Math.fround(1 / Math.fround(scaling.factor * power));
      const fast = Math.fround(1 / power);
      return Math.fround(slow * Math.fround(1 - kept)) + Math.fround(fast * kept);
    });
  }
  const plain = powers.map((power) => 1 / power);
  return scaling === null ? plain : plain.map((frequency) => scaled(frequency, scaling));
}

/** Factor of cosine and sine: other than 1 for longrope and YaRN only. */
export function attentionFactor({ scaling }: Rope): number {
  return scaling?.kind === "factors" || scaling?.kind === "yarn" ? scaling.attentionFactor : 1;
}

/** The pairs, not always whole ones, at which YaRN's ramp begins and ends. */
function yarnRange(
  headDim: number,
  theta: number,
  {
    betaFast,
    betaSlow,
    isTruncated,
    originalMaxPositionEmbeddings,
  }: Extract<RopeScaling, { kind: "yarn" }>,
): [low: number, high: number] {
  const pairOf = (rotations: number) =>
    (headDim * Math.log(originalMaxPositionEmbeddings / (rotations * 2 * Math.PI))) /
    (2 * Math.log(theta));
  const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(isTruncated ? Math.floor(first) : first, 0);
  const high = Math.min(isTruncated ? Math.ceil(last) : last, headDim - 1);
  return [low, low === high ? high + 0.001 : high];
}

type FrequencyScaling = Exclude<RopeScaling, { kind: "factors" | "yarn" }>;

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
