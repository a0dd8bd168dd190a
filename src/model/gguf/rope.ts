// Converts the RoPE scaling of a GGUF file to the `rope_scaling` of config.json. GGUF stores a type
// and a factor, or the divisor of each frequency.
import { UserError } from "../../util/errors.ts";
import type { Metadata } from "./metadata.ts";

/** The tensors of a file that change RoPE frequencies. */
export interface RopeTensors {
  /** `rope_freqs.weight`: divisors of the frequencies (Llama 3.1 and 3.2). */
  divisors: Float32Array | null;
  /** `rope_factors_long.weight` and `_short` (Phi-3 with 128k tokens). */
  long: Float32Array | null;
  short: Float32Array | null;
}

/**
 * Values of Llama 3.1 and 3.2; the converter writes no others (conversion/llama.py,
 * generate_extra_tensors).
 */
const lowFreqFactor = 1;
const highFreqFactor = 4;
/** The converter uses 8192 regardless of the config; later versions may not. */
const originalLengths = [8192, 4096, 2048, 16_384, 32_768, 65_536, 131_072];
/** Relative tolerance, for f32 arithmetic in another order. */
const tolerance = 1e-4;

type Fields = Record<string, unknown>;

/**
 * The value of `rope_scaling`; null for none.
 * @param prefix of the architecture's keys
 * @throws UserError "unsupported-architecture" for divisors that no scaling of transformers gives,
 * "bad-config"
 */
export function ropeScalingOf(
  metadata: Metadata,
  prefix: string,
  { divisors, long, short }: RopeTensors,
  theta: number,
): Fields | null {
  if (long !== null && short !== null) {
    return { rope_type: "longrope", long_factor: [...long], short_factor: [...short] };
  }
  if (divisors !== null) {
    return llama3Scaling(divisors, theta, metadata.fileName);
  }
  const key = `${prefix}.rope.scaling`;
  const factor = metadata.float(`${key}.factor`) ?? metadata.float(`${prefix}.rope.scale_linear`);
  const type = metadata.text(`${key}.type`) ?? "linear";
  const isLinear = type === "linear";
  if (type === "none" || (isLinear && (factor === undefined || factor === 0 || factor === 1))) {
    return null;
  }
  const original = metadata.count(`${key}.original_context_length`);
  const yarn = type === "yarn" ? yarnFields(metadata, key) : {};
  return {
    rope_type: type,
    ...(factor !== undefined && { factor }),
    ...(!isLinear && original !== undefined && { original_max_position_embeddings: original }),
    ...yarn,
  };
}

/** YaRN as the converter writes it (conversion/base.py of llama.cpp v0.5.0). */
function yarnFields(metadata: Metadata, key: string): Fields {
  const others = { yarn_ext_factor: 1, attn_factor: 1, yarn_log_multiplier: 0 };
  for (const [name, usual] of Object.entries(others)) {
    const value = metadata.float(`${key}.${name}`) ?? usual;
    if (value !== usual) {
      throw metadata.fault(`${key}.${name}`, `It is ${value}; YaRN is read with ${usual} only.`);
    }
  }
  const named = {
    attention_factor: "yarn_attn_factor",
    beta_fast: "yarn_beta_fast",
    beta_slow: "yarn_beta_slow",
  };
  return Object.fromEntries(
    Object.entries(named).flatMap(([field, name]) => {
      const value = metadata.float(`${key}.${name}`);
      return value === undefined ? [] : [[field, value]];
    }),
  );
}

/** Finds the llama3 scaling with these divisors. */
function llama3Scaling(divisors: Float32Array, theta: number, fileName: string): Fields | null {
  if (divisors.every((divisor) => divisor === 1)) {
    return null;
  }
  // The lowest frequency is below the interpolated band, so its divisor is the full factor.
  const factor = divisors.at(-1) ?? 1;
  const original = originalLengths.find((length) =>
    llama3Divisors(divisors.length, theta, factor, length).every(
      (expected, i) => Math.abs(expected - (divisors[i] ?? 0)) <= tolerance * expected,
    ),
  );
  if (original === undefined) {
    throw new UserError(
      "unsupported-architecture",
      `Its ${divisors.length} numbers, up to ${factor}, do not match Llama 3's RoPE scaling.`,
      {
        where: `${fileName}, tensor "rope_freqs.weight"`,
        remedy: "Choose the model's .safetensors files with their config.json.",
      },
    );
  }
  return {
    rope_type: "llama3",
    factor,
    low_freq_factor: lowFreqFactor,
    high_freq_factor: highFreqFactor,
    original_max_position_embeddings: original,
  };
}

/** Source: transformers modeling_rope_utils.py, _compute_llama3_parameters. */
function llama3Divisors(count: number, theta: number, factor: number, original: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** (i / count);
    if (wavelength < original / highFreqFactor) {
      return 1;
    }
    if (wavelength > original / lowFreqFactor) {
      return factor;
    }
    const smooth = (original / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
