// Parses the quantisation of a model from config.json: `quantization` (MLX) or
// `quantization_config` (transformers). Sources: mlx-lm utils.py (load_model), transformers
// utils/quantization_config.py.
import { UserError } from "../../util/errors.ts";
import type { ConfigFields } from "../config/fields.ts";
import { shortJson } from "../../util/short-json.ts";

/** MLX's affine quantisation: value = scale * code + bias per group. */
export interface AffineScheme {
  readonly bits: 1 | 2 | 3 | 4 | 5 | 6 | 8;
  readonly groupSize: 32 | 64 | 128;
}

export type Quantisation =
  | { kind: "none" }
  /** bitsandbytes 4-bit; the details are stored with each tensor. */
  | { kind: "bitsandbytes" }
  | {
      kind: "mlx";
      affine: AffineScheme;
      /** By module path; false where a layer is not quantised. */
      overrides: ReadonlyMap<string, AffineScheme | false>;
    };

type Fields = Readonly<Record<string, unknown>>;

/** Those that mx.quantize of MLX 0.32.4 takes. */
const allBits = [1, 2, 3, 4, 5, 6, 8] as const;
const allGroupSizes = [32, 64, 128] as const;

/**
 * @param config all of config.json
 * @throws UserError "bad-config" for fields of the wrong type, "wrong-dtype" for a scheme that is
 * not supported
 */
export function parseQuantisation(config: ConfigFields, fileName = "config.json"): Quantisation {
  const ofMlx = config.raw("quantization") ?? null;
  const ofTransformers = config.raw("quantization_config") ?? null;
  if (ofMlx !== null) {
    return parseMlx(objectOf(ofMlx, "quantization", fileName), "quantization", fileName);
  }
  if (ofTransformers === null) {
    return { kind: "none" };
  }
  const scheme = objectOf(ofTransformers, "quantization_config", fileName);
  const method = scheme["quant_method"];
  if (method === undefined && scheme["bits"] !== undefined) {
    return parseMlx(scheme, "quantization_config", fileName);
  }
  if (method !== "bitsandbytes") {
    throw unreadable(`quantised by ${shortJson(method ?? "an unnamed method")}`, fileName);
  }
  if (scheme["load_in_4bit"] !== true) {
    throw unreadable("quantised to 8 bits by bitsandbytes", fileName);
  }
  return { kind: "bitsandbytes" };
}

/** The scheme of a module. @param module path, e.g. `model.layers.0.self_attn.q_proj` */
export function schemeOf(
  { affine, overrides }: Extract<Quantisation, { kind: "mlx" }>,
  module: string,
): AffineScheme | false {
  return overrides.get(module) ?? affine;
}

function parseMlx(config: Fields, key: string, fileName: string): Quantisation {
  const affine = parseAffine(config, null, key, fileName);
  const overrides = new Map<string, AffineScheme | false>();
  for (const [module, value] of Object.entries(config)) {
    if (value === false) {
      overrides.set(module, false);
    } else if (typeof value === "object" && value !== null) {
      const where = `${key}[${shortJson(module)}]`;
      overrides.set(module, parseAffine(objectOf(value, where, fileName), affine, where, fileName));
    }
  }
  return { kind: "mlx", affine, overrides };
}

/** @param inherited values that a layer does not give */
function parseAffine(
  config: Fields,
  inherited: AffineScheme | null,
  key: string,
  fileName: string,
): AffineScheme {
  const mode = config["mode"] ?? "affine";
  if (mode !== "affine") {
    throw unreadable(`quantised by MLX in the mode ${shortJson(mode)}`, fileName);
  }
  return {
    bits: oneOf(allBits, config["bits"] ?? inherited?.bits, `${key}.bits`, fileName),
    groupSize: oneOf(
      allGroupSizes,
      config["group_size"] ?? inherited?.groupSize,
      `${key}.group_size`,
      fileName,
    ),
  };
}

function oneOf<T extends number>(
  known: readonly T[],
  value: unknown,
  key: string,
  fileName: string,
): T {
  const found = known.find((one) => one === value);
  if (found === undefined) {
    throw badConfig(
      `Its ${key} is ${shown(value)}, but must be one of ${known.join(", ")}.`,
      fileName,
    );
  }
  return found;
}

function objectOf(value: unknown, key: string, fileName: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badConfig(`Its ${key} is ${shown(value)}, but must be an object.`, fileName);
  }
  return value as Fields;
}

function shown(value: unknown): string {
  return shortJson(value).slice(0, 80);
}

function badConfig(message: string, where: string): UserError {
  return new UserError("bad-config", message, {
    where,
    remedy: "Download config.json again; it must belong to these weights.",
  });
}

function unreadable(how: string, where: string): UserError {
  return new UserError("wrong-dtype", `The model is ${how}, which is not supported.`, {
    where,
    remedy:
      "Choose the unquantised model, an MLX copy with affine groups, a bitsandbytes 4-bit copy or a GGUF file.",
  });
}
