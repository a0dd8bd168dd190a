// The memory layout of a frozen matrix [rows, cols], on the device and in the bytes uploaded to it.
//
// f32  weight: f32
// f16  weight: pairs in a u32, low half first
// q8   weight: 4 bytes in a u32, lowest first
//      scales: per group along a row a u32 of two f16 or bf16 (scale low, bias high), or two f32
//      value = scale * byte + bias
// q4   as q8, with 8 nibbles in a u32, lowest first
// nf4  weight: 8 nibbles in a u32, lowest first
//      scales: one byte per block of 64, 4 in a u32; tables: see nf4.ts
//      value = nf4[nibble] * absmax of its block
//
// q8 and q4 represent MLX's affine groups and GGUF's Q8_0, Q4_0 and Q4_1 exactly; nf4 represents
// bitsandbytes' double quantisation exactly.
import { invariant } from "../../util/assert.ts";

export type WeightFormat = "f32" | "f16" | "q8" | "q4" | "nf4";

/** The bindings of a stored matrix; `weightBytes` says which a format has. */
export type WeightBinding = "weight" | "scales" | "tables";

/** The type of the scales and biases of q8 and q4; f16 unless given. */
export type ScaleType = "f16" | "bf16" | "f32";

/** The properties that a kernel's code depends on. */
export interface WeightLayout {
  readonly format: WeightFormat;
  /**
   * Values that share a scale: 32, 64 or 128 for q8 and q4, always 64 for nf4; unused for f32, f16.
   */
  readonly groupSize?: number | undefined;
  /** For q8 and q4. */
  readonly scaleType?: ScaleType | undefined;
}

export interface WeightShape extends WeightLayout {
  readonly rows: number;
  readonly cols: number;
}

/** Offsets in nf4's `tables`: values of a nibble, of an absmax byte, the offset, nested maxima. */
export const nf4Tables = { values: 0, map: 16, offset: 272, nested: 273 };
/** Absolute maxima that share a nested maximum. */
export const nf4NestedBlock = 256;

const nf4Block = 64;
const groupSizes = [32, 64, 128];

/** Values that share a scale. @throws Error for a group size that q8 and q4 do not have */
export function groupOf(format: WeightFormat, groupSize?: number): number {
  switch (format) {
    case "f32":
    case "f16":
      return 1;
    case "nf4":
      return nf4Block;
    case "q8":
    case "q4":
      invariant(
        groupSize !== undefined && groupSizes.includes(groupSize),
        `groups of ${groupSize}`,
      );
      return groupSize;
  }
}

/**
 * The format that a matrix gets: norms (one row) and odd widths stay f32; rows whose length is not
 * a multiple of the group size become f16.
 */
export function formatFor(
  wanted: WeightFormat,
  rows: number,
  cols: number,
  groupSize?: number,
): WeightFormat {
  if (rows === 1 || cols % 4 !== 0) {
    return "f32";
  }
  return cols % groupOf(wanted, groupSize) === 0 ? wanted : "f16";
}

/**
 * Bytes of each binding, all multiples of 4. Except for f32, `cols` must be a multiple of 4 and of
 * the group size.
 */
export function weightBytes({
  format,
  rows,
  cols,
  groupSize,
  scaleType,
}: WeightShape): Readonly<Partial<Record<WeightBinding, number>>> {
  const values = rows * cols;
  const groups = values / groupOf(format, groupSize);
  const groupBytes = scaleType === "f32" ? 8 : 4;
  invariant(
    format === "f32" || (cols % 4 === 0 && groups % rows === 0),
    `${format} with ${cols} columns`,
  );
  switch (format) {
    case "f32":
      return { weight: values * 4 };
    case "f16":
      return { weight: values * 2 };
    case "q8":
      return { weight: values, scales: groups * groupBytes };
    case "q4":
      return { weight: values / 2, scales: groups * groupBytes };
    case "nf4":
      return {
        weight: values / 2,
        scales: Math.ceil(groups / 4) * 4,
        tables: (nf4Tables.nested + Math.ceil(groups / nf4NestedBlock)) * 4,
      };
  }
}
