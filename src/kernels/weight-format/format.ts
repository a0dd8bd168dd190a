// How WGSL reads frozen weights, whatever their format (model/weight-format/ says how they lie).
// Kernels see a matrix [rows, cols], row-major, as quads: four values side by side in a row,
// numbered through the whole matrix.
import type { Binding, KernelSpec } from "../../gpu/kernel.ts";
import { persistent, type Tensor } from "../../gpu/plan.ts";
import {
  groupOf,
  weightBytes,
  type ScaleType,
  type WeightFormat,
  type WeightLayout,
  type WeightShape,
} from "../../model/weight-format/format.ts";
import { invariant } from "../../util/assert.ts";
import f16Native from "./f16-native.wgsl?raw";
import f16 from "./f16.wgsl?raw";
import f32 from "./f32.wgsl?raw";
import nf4 from "./nf4.wgsl?raw";
import q4 from "./q4.wgsl?raw";
import q8 from "./q8.wgsl?raw";

export type { ScaleType, WeightFormat, WeightLayout };

/** A frozen matrix on the device. */
export interface StoredWeight extends WeightShape {
  /** By the binding's name in WGSL. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Reader {
  /** WGSL element of each binding. */
  elements: Readonly<Record<string, string>>;
  source: string;
}

const readers: Record<WeightFormat, Reader> = {
  f32: { elements: { weight: "vec4f" }, source: f32 },
  f16: { elements: { weight: "vec2u" }, source: f16 },
  q8: { elements: { weight: "u32", scales: "u32" }, source: q8 },
  q4: { elements: { weight: "u32", scales: "u32" }, source: q4 },
  nf4: { elements: { weight: "u32", scales: "u32", tables: "f32" }, source: nf4 },
};

/** The storage bindings of a format, to be spread into a kernel's: at most 3. */
export function weightBindings(format: WeightFormat): Readonly<Record<string, Binding>> {
  const entries = Object.entries(readers[format].elements);
  return Object.fromEntries(entries.map(([name, element]) => [name, { use: "constant", element }]));
}

/** What stands ahead of q8 and q4: a group's scale and bias. bf16 is the upper half of an f32. */
const scaleReaders: Record<ScaleType, string> = {
  f16: scaleBias("return unpack2x16float(scales[group]);"),
  bf16: scaleBias(
    "return bitcast<vec2f>(vec2u(scales[group] << 16u, scales[group] & 0xffff0000u));",
  ),
  f32: scaleBias("return bitcast<vec2f>(vec2u(scales[2u * group], scales[2u * group + 1u]));"),
};

function scaleBias(body: string): string {
  return `fn scale_bias(group : u32) -> vec2f { ${body} }\n`;
}

/** WGSL that defines `load_quad(quad : u32) -> vec4f`. */
export function weightReader({ format, groupSize, scaleType = "f16" }: WeightLayout): string {
  const { source } = readers[format];
  const group = groupOf(format, groupSize);
  const isAffine = format === "q8" || format === "q4";
  return [
    group === 1 ? "" : `const QUADS_PER_GROUP : u32 = ${group / 4}u;\n`,
    isAffine ? scaleReaders[scaleType] : "",
    source,
  ].join("");
}

/**
 * f16 as WGSL's own type, the same values in every bit.
 * @param own definitions of the kernel besides the reader
 */
export function nativeReader(format: WeightFormat, own = ""): Pick<KernelSpec, "extended"> {
  return format === "f16"
    ? {
        extended: {
          extension: "f16",
          definitions: `${f16Native}${own}`,
          elements: { weight: "vec4<f16>" },
        },
      }
    : {};
}

/** Names a matrix's tensors; nothing is allocated. */
export function storedWeight(label: string, shape: WeightShape): StoredWeight {
  invariant(shape.cols % 4 === 0, `${label}: ${shape.cols} columns are not whole quads`);
  const sizes = Object.entries(weightBytes(shape));
  return {
    ...shape,
    tensors: Object.fromEntries(
      sizes.map(([name, bytes]) => [name, persistent(`${label} ${name}`, bytes / 4)]),
    ),
  };
}
