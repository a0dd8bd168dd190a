// RoPE in config.json: `rope_theta` and `rope_scaling` (transformers 4) or `rope_parameters`
// (transformers 5), with the precedence of transformers' modeling_rope_utils.py and, for two RoPEs,
// configuration_gemma3.py.
import type { Architecture } from "./architectures.ts";
import type { ConfigFields } from "./fields.ts";
import { shortJson } from "../../util/short-json.ts";
import type { ModelConfig, Rope, RopeScaling } from "./model-config.ts";

const longestText = 100_000_000;

/** The keys of all kinds of scaling. In transformers, keys of another kind have no effect. */
const knownKeys = new Set([
  "rope_type",
  "type",
  "rope_theta",
  "partial_rotary_factor",
  "factor",
  "original_max_position_embeddings",
  "low_freq_factor",
  "high_freq_factor",
  "attention_factor",
  "short_factor",
  "long_factor",
  "beta_fast",
  "beta_slow",
  "mscale",
  "mscale_all_dim",
  "truncate",
  "finetuned", // a remark of the first YaRN models
]);

export type Ropes = Pick<ModelConfig, "rope" | "slidingRope" | "maxPositionEmbeddings">;

/**
 * @throws UserError "bad-config", or "unsupported-architecture" for a kind of scaling that is not
 * implemented
 */
export function readRopes(fields: ConfigFields, known: Architecture, headDim: number): Ropes {
  const longest = readMaxPositions(fields, known);
  refusePartial(fields);
  const scalings: Scalings = { fields, known, headDim, longest };
  const { slidingRopeTheta } = known;
  if (slidingRopeTheta === null) {
    const parameters = fields.object("rope_scaling") ?? fields.object("rope_parameters");
    const theta = thetaOf([parameters], fields, "rope_theta", known.ropeTheta);
    const rope: Rope = { theta, scaling: readScaling(parameters, scalings) };
    return limited(rope, rope, longest);
  }
  const both = fields.object("rope_parameters");
  const foreign = both?.keys().find((key) => !/^(full|sliding)_attention$/.test(key));
  if (foreign !== undefined) {
    throw fields.fault(
      `its rope_parameters has ${foreign}, but must have full_attention and sliding_attention, each with its own`,
    );
  }
  const full = both?.object("full_attention") ?? null;
  const sliding = both?.object("sliding_attention") ?? null;
  const scaled = fields.object("rope_scaling");
  const rope: Rope = {
    theta: thetaOf([scaled, full], fields, "rope_theta", known.ropeTheta),
    scaling: readScaling(scaled ?? full, scalings),
  };
  const slidingRope: Rope = {
    theta: thetaOf([sliding], fields, "rope_local_base_freq", slidingRopeTheta),
    scaling: readScaling(sliding, scalings),
  };
  return limited(rope, slidingRope, longest);
}

export function readMaxPositions(fields: ConfigFields, known: Architecture): number {
  return fields.integer("max_position_embeddings", longestText, known.maxPositionEmbeddings);
}

interface Scalings {
  fields: ConfigFields;
  known: Architecture;
  headDim: number;
  /** `max_position_embeddings` */
  longest: number;
}

/**
 * transformers uses the long factors for a whole text that is longer than the original length. The
 * limit of texts is that length here, so only the short factors are needed.
 */
function limited(rope: Rope, slidingRope: Rope, longest: number): Ropes {
  const lengths = [rope, slidingRope].map(({ scaling }) =>
    scaling?.kind === "factors" ? scaling.originalMaxPositionEmbeddings : longest,
  );
  return { rope, slidingRope, maxPositionEmbeddings: Math.min(longest, ...lengths) };
}

function readScaling(parameters: ConfigFields | null, scalings: Scalings): RopeScaling | null {
  if (parameters === null) {
    return null;
  }
  refusePartial(parameters);
  const unknown = parameters.keys().find((key) => !knownKeys.has(key));
  if (unknown !== undefined) {
    throw parameters.unsupported(`RoPE's parameter ${unknown}`);
  }
  const kind = parameters.raw("rope_type") ?? parameters.raw("type") ?? "default";
  switch (kind) {
    case "default":
      return null;
    case "linear":
      return { kind: "linear", factor: parameters.positive("factor") };
    case "llama3":
      return readLlama3(parameters, scalings);
    case "yarn":
      return readYarn(parameters, scalings);
    case "longrope":
    case "su": // longrope's name in the first Phi-3 files
      return readLongRope(parameters, scalings);
    default:
      throw parameters.unsupported(`RoPE scaling ${shortJson(kind)}`);
  }
}

function readLlama3(parameters: ConfigFields, scalings: Scalings): RopeScaling {
  const lowFreqFactor = parameters.positive("low_freq_factor");
  const highFreqFactor = parameters.positive("high_freq_factor");
  if (highFreqFactor <= lowFreqFactor) {
    throw parameters.bad(
      "high_freq_factor",
      highFreqFactor,
      `above low_freq_factor, ${lowFreqFactor}`,
    );
  }
  return {
    kind: "llama3",
    factor: parameters.positive("factor"),
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositionEmbeddings: originalLength(parameters, scalings),
  };
}

/** As _compute_yarn_parameters of transformers 5.24: a factor of null is the ratio of lengths. */
function readYarn(parameters: ConfigFields, scalings: Scalings): RopeScaling {
  const original = originalLength(parameters, scalings);
  const isRatio = parameters.raw("factor") === null;
  const factor = isRatio ? scalings.longest / original : parameters.positive("factor");
  const scaleOf = (share: number) => (factor <= 1 ? 1 : 0.1 * share * Math.log(factor) + 1);
  const hasShares = ["mscale", "mscale_all_dim"].every((key) => (parameters.raw(key) ?? 0) !== 0);
  const usual = hasShares
    ? scaleOf(parameters.positive("mscale")) / scaleOf(parameters.positive("mscale_all_dim"))
    : scaleOf(1);
  const isShared = scalings.known.slidingRopeTheta === null;
  const isTruncated = parameters.flag("truncate", true);
  return {
    kind: "yarn",
    factor,
    betaFast: parameters.positive("beta_fast", 32),
    betaSlow: parameters.positive("beta_slow", 1),
    // Where layers have two RoPEs, transformers looks for the key outside of them.
    isTruncated: isTruncated || !isShared,
    attentionFactor: parameters.positive("attention_factor", usual),
    originalMaxPositionEmbeddings: original,
  };
}

function readLongRope(parameters: ConfigFields, scalings: Scalings): RopeScaling {
  const original = originalLength(parameters, scalings);
  const stretch = parameters.positive("factor", scalings.longest / original);
  const usual = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original));
  return {
    kind: "factors",
    factors: parameters.positiveList("short_factor", scalings.headDim / 2),
    attentionFactor: parameters.positive("attention_factor", usual),
    originalMaxPositionEmbeddings: original,
  };
}

/** The top-level key has precedence over the one in rope_scaling (standardize_rope_params). */
function originalLength(parameters: ConfigFields, { fields, known, longest }: Scalings): number {
  const key = "original_max_position_embeddings";
  const usual = known.originalMaxPositionEmbeddings;
  return usual === null && !fields.has(key)
    ? parameters.integer(key, longestText, longest)
    : fields.integer(key, longestText, usual ?? undefined);
}

function thetaOf(
  parameters: readonly (ConfigFields | null)[],
  fields: ConfigFields,
  outerKey: string,
  usual: number,
): number {
  const own = parameters.find((each) => each?.has("rope_theta"));
  return own?.positive("rope_theta") ?? fields.positive(outerKey, usual);
}

function refusePartial(fields: ConfigFields): void {
  const share = fields.raw("partial_rotary_factor") ?? 1;
  if (share !== 1) {
    throw fields.unsupported(`partial_rotary_factor ${shortJson(share)}`);
  }
}
