// The weight formats offered for a model.
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightChoice } from "./store.ts";

/** MLX's default. Groups of 32 need more memory, groups of 128 lose more precision. */
const usualGroup = 64;

/** The packed formats for weights of 16 bits or more, the most accurate first. */
export const packedChoices: readonly WeightChoice[] = [
  { format: "q8", groupSize: usualGroup },
  { format: "q4", groupSize: usualGroup },
  { format: "nf4" },
];

/**
 * The formats that make sense for a model's files, the stored format first. Packed weights keep
 * their format: another one would be larger, less accurate, or both.
 */
export function choicesFor(tensors: ReadonlyMap<string, SourceTensor>): WeightChoice[] {
  const matrices = [...tensors.values()].filter(({ kept }) => kept.rows > 1);
  const isPlain = matrices.every(({ kept }) => kept.format === "f32" || kept.format === "f16");
  if (!isPlain) {
    return [{ format: "stored" }];
  }
  const isF32 = matrices.some(({ kept }) => kept.format === "f32");
  return [
    { format: "stored" },
    ...(isF32 ? [{ format: "f16" } as const] : []),
    ...packedChoices,
    // The remedy for a model with values outside the range of f16.
    ...(matrices.some(({ kept }) => kept.format === "f16") ? [{ format: "f32" } as const] : []),
  ];
}

/** The name of a choice between page and session, and in a checkpoint. */
export function formatName({ format, groupSize }: WeightChoice): string {
  return groupSize === undefined ? format : `${format}/${groupSize}`;
}

/** For display: `q4, groups of 64`. */
export function formatWords({ format, groupSize }: WeightChoice): string {
  if (format === "stored") {
    return "as stored";
  }
  return groupSize === undefined ? format : `${format}, groups of ${groupSize}`;
}
