// How a frozen matrix [rows, cols] lies in memory, on the device and in the bytes sent there. Needs
// no device.
//
// f32 weight: f32 f16 weight: pairs in a u32, low half first q8 weight: 4 bytes in a u32, lowest
// first; scales: for each group along a row a u32 of two f16 or two bf16, scale low,
//      bias high, or two f32. value = scale * byte + bias
// q4 the same with 8 nibbles in a u32, lowest first nf4 weight: 8 nibbles in a u32, lowest first;
// scales: one byte for each block of 64, 4 in a u32; tables: see nf4.ts.
//      value = nf4[nibble] * absmax of its block
//
// q8 and q4 hold MLX's affine groups and GGUF's Q8_0, Q4_0 and Q4_1 exactly; nf4 holds what
// bitsandbytes double-quantised.
import { invariant } from "../../util/assert.ts";

export type WeightFormat = "f32" | "f16" | "q8" | "q4" | "nf4";

/** What a stored matrix consists of; `weightBytes` says which a format has. */
export type WeightBinding = "weight" | "scales" | "tables";

/** What the scales and biases of q8 and q4 are; f16 where nothing is said. */
export type ScaleType = "f16" | "bf16" | "f32";

/** All that the code of a reader depends on. */
export interface WeightLayout {
  readonly format: WeightFormat;
  /**
   * Values that share a scale: 32, 64 or 128 of q8 and q4, always 64 of nf4, none of f32 and f16.
   */
  readonly groupSize?: number | undefined;
  /** Of q8 and q4. */
  readonly scaleType?: ScaleType | undefined;
}

export interface WeightShape extends WeightLayout {
  readonly rows: number;
  readonly cols: number;
}

/**
 * Where nf4's `tables` begin: the values of a nibble, of an absmax byte, the offset, the nested
 * maxima.
 */
export const nf4Tables = { values: 0, map: 16, offset: 272, nested: 273 };
/** Absolute maxima that share a nested maximum. */
export const nf4NestedBlock = 256;

const nf4Block = 64;
const groupSizes = [32, 64, 128];

/** Values that share a scale. @throws Error for a group that q8 or q4 does not come in */
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
 * What a matrix really gets: norms (one row) and odd widths stay f32, and rows that are not whole
 * groups are f16.
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
 * Bytes of each binding, all multiples of 4; but for f32, `cols` must be a multiple of 4 and of the
 * group.
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
