// The formats that a person can sensibly keep a model's weights in.
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightChoice } from "./store.ts";

/**
 * The middle one: groups of 32 take more memory, groups of 128 lose more. MLX's own default, too.
 */
const usualGroup = 64;

/** What weights of 16 bits or more can be packed to, the most faithful first. */
export const packedChoices: readonly WeightChoice[] = [
  { format: "q8", groupSize: usualGroup },
  { format: "q4", groupSize: usualGroup },
  { format: "nf4" },
];

/**
 * The formats that make sense for a model's files, the files' own first. Weights that are packed
 * stay as they are: another format would be larger, lose again, or both.
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
    // The way out for a model with numbers beyond f16.
    ...(matrices.some(({ kept }) => kept.format === "f16") ? [{ format: "f32" } as const] : []),
  ];
}

/** The name that a choice goes by between page and session, and in a checkpoint. */
export function formatName({ format, groupSize }: WeightChoice): string {
  return groupSize === undefined ? format : `${format}/${groupSize}`;
}

/** For people: `q4, groups of 64`. */
export function formatWords({ format, groupSize }: WeightChoice): string {
  if (format === "stored") {
    return "as stored";
  }
  return groupSize === undefined ? format : `${format}, groups of ${groupSize}`;
}
