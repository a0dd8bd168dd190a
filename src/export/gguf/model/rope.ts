// RoPE of a model as keys and tensors of a GGUF file. Source: ggml-org/llama.cpp v0.5.0,
// conversion/base.py (set_gguf_parameters), llama.py and phi.py (generate_extra_tensors).
import type { TensorToWrite } from "../../../formats/gguf/write.ts";
import type { TypedMetadata } from "../../../formats/gguf/write-value.ts";
import { ConfigFields } from "../../../model/config/fields.ts";
import type { ModelConfig, RopeScaling } from "../../../model/config/model-config.ts";
import type { BaseModel } from "../../../model/open.ts";
import { unreachable } from "../../../util/assert.ts";
import { textValue } from "../text-value.ts";
import { cannotCompute } from "./unsupported.ts";

export interface GgufRope {
  metadata: TypedMetadata;
  tensors: TensorToWrite[];
}

/** @throws UserError "unsupported-architecture" for a scaling that llama.cpp computes otherwise */
export function ropeOf(model: BaseModel, architecture: string): GgufRope {
  const { config } = model;
  const { rope, slidingRope } = config;
  const key = `${architecture}.rope`;
  const scaled = rope.scaling === null ? null : scalingOf(rope.scaling, model, architecture);
  return {
    metadata: [
      [`${key}.freq_base`, { type: "f32", value: rope.theta }],
      [`${key}.dimension_count`, { type: "u32", value: config.headDim }],
      ...(architecture === "gemma3"
        ? [[`${key}.freq_base_swa`, { type: "f32", value: slidingRope.theta }] as const]
        : []),
      ...(scaled?.metadata ?? []),
    ],
    tensors: scaled?.tensors ?? [],
  };
}

function scalingOf(scaling: RopeScaling, model: BaseModel, architecture: string): GgufRope {
  const key = `${architecture}.rope.scaling`;
  switch (scaling.kind) {
    case "linear":
      return {
        metadata: [
          [`${key}.type`, textValue("linear")],
          [`${key}.factor`, { type: "f32", value: scaling.factor }],
        ],
        tensors: [],
      };
    case "llama3":
      requireLlama(architecture, "llama3");
      return { metadata: [], tensors: [vector("rope_freqs", divisors(model.config, scaling))] };
    case "yarn":
      return { metadata: yarnKeys(scaling, key), tensors: [] };
    case "factors":
      return longRope(scaling, model, architecture);
    default:
      return unreachable(scaling);
  }
}

/** llama.cpp reads these tensors in Llama models (and of Phi-3 the factors). */
function requireLlama(architecture: string, kind: string): void {
  if (architecture !== "llama") {
    throw cannotCompute(`the RoPE scaling ${kind} in an architecture ${architecture}`);
  }
}

type Yarn = Extract<RopeScaling, { kind: "yarn" }>;

function yarnKeys(scaling: Yarn, key: string): TypedMetadata {
  const { factor, attentionFactor, betaFast, betaSlow, isTruncated } = scaling;
  const usual = factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
  if (!isTruncated || Math.abs(attentionFactor - usual) > 1e-6 * usual) {
    throw cannotCompute("this YaRN, whose ramp or attention factor is not the usual one");
  }
  return [
    [`${key}.type`, textValue("yarn")],
    [`${key}.factor`, { type: "f32", value: factor }],
    [
      `${key}.original_context_length`,
      { type: "u32", value: scaling.originalMaxPositionEmbeddings },
    ],
    [`${key}.yarn_beta_fast`, { type: "f32", value: betaFast }],
    [`${key}.yarn_beta_slow`, { type: "f32", value: betaSlow }],
  ];
}

type LongRope = Extract<RopeScaling, { kind: "factors" }>;

/** Both lists of factors: beyond the original length llama.cpp takes the long ones. */
function longRope(scaling: LongRope, { texts }: BaseModel, architecture: string): GgufRope {
  if (architecture !== "phi3") {
    requireLlama(architecture, "longrope");
  }
  const key = `${architecture}.rope.scaling`;
  const fields = ConfigFields.parse(texts.get("config.json") ?? "", "config.json");
  const parameters = fields.object("rope_parameters") ?? fields.object("rope_scaling");
  const long = parameters?.positiveList("long_factor", scaling.factors.length) ?? [];
  return {
    metadata: [
      [`${key}.type`, textValue("longrope")],
      [
        `${key}.original_context_length`,
        { type: "u32", value: scaling.originalMaxPositionEmbeddings },
      ],
      [`${key}.attn_factor`, { type: "f32", value: scaling.attentionFactor }],
    ],
    tensors: [
      vector("rope_factors_long", Float32Array.from(long)),
      vector("rope_factors_short", Float32Array.from(scaling.factors)),
    ],
  };
}

function vector(name: string, values: Float32Array): TensorToWrite {
  return { name: `${name}.weight`, type: "F32", shape: [values.length], rows: () => [values] };
}

type Llama3 = Extract<RopeScaling, { kind: "llama3" }>;

/** What each frequency is divided by, rounded to f32 where the converter rounds. */
function divisors({ headDim, rope }: ModelConfig, scaling: Llama3): Float32Array<ArrayBuffer> {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const power = Math.fround(rope.theta ** Math.fround((2 * i) / headDim));
    const wavelength = Math.fround((2 * Math.PI) / Math.fround(1 / power));
    if (wavelength < originalMaxPositionEmbeddings / highFreqFactor) {
      return 1;
    }
    if (wavelength > originalMaxPositionEmbeddings / lowFreqFactor) {
      return factor;
    }
    const turns = Math.fround(originalMaxPositionEmbeddings / wavelength);
    const above = Math.fround(turns - lowFreqFactor);
    const smooth = Math.fround(above / (highFreqFactor - lowFreqFactor));
    const slow = Math.fround(Math.fround(1 - smooth) / factor);
    return 1 / Math.fround(slow + smooth);
  });
}
