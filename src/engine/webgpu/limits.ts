// Checks that each tensor of a design fits into one buffer and one binding. No tensor is split:
// Chrome grants 128 MiB, 1, 2 or 4 GiB, and from 1 GiB on every table of a model that a browser can
// hold fits, that of Gemma 3 in f16 included.
import type { Program } from "../../gpu/plan.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { ModelTensors } from "./model-tensors.ts";

export type BufferLimits = Pick<
  GPUSupportedLimits,
  "maxStorageBufferBindingSize" | "maxBufferSize"
>;

/**
 * @throws UserError "out-of-memory" for a weight that is too large in its format, which no memory
 * choice changes
 */
export function requireWeightsFit({ weights }: ModelTensors, limits: BufferLimits): void {
  for (const [name, { format, tensors }] of weights) {
    for (const { sizeBytes } of Object.values(tensors)) {
      if (sizeBytes > mostBytes(limits)) {
        throw oversized(
          `${name} takes ${formatBytes(sizeBytes)} in ${format}`,
          limits,
          "Keep the weights as q8 or q4, or choose a model with a smaller vocabulary or width.",
        );
      }
    }
  }
}

/**
 * @throws UserError "out-of-memory" for working memory that is too large; a smaller memory choice
 * may fit
 */
export function requireTensorsFit(programs: readonly Program[], limits: BufferLimits): void {
  const tensors = programs.flatMap(({ dispatches }) =>
    dispatches.flatMap(({ views }) => views.map(({ tensor }) => tensor)),
  );
  const tooLarge = tensors.find(({ sizeBytes }) => sizeBytes > mostBytes(limits));
  if (tooLarge !== undefined) {
    throw oversized(
      `${tooLarge.label} takes ${formatBytes(tooLarge.sizeBytes)}`,
      limits,
      "Choose a smaller batchSize, maxLength or rank, or a smaller model.",
    );
  }
}

function mostBytes({ maxStorageBufferBindingSize, maxBufferSize }: BufferLimits): number {
  return Math.min(maxStorageBufferBindingSize, maxBufferSize);
}

function oversized(what: string, limits: BufferLimits, remedy: string): UserError {
  const { maxStorageBufferBindingSize, maxBufferSize } = limits;
  const [limit, bytes] =
    maxBufferSize < maxStorageBufferBindingSize
      ? ["maxBufferSize", maxBufferSize]
      : ["maxStorageBufferBindingSize", maxStorageBufferBindingSize];
  return new UserError(
    "out-of-memory",
    `${what}, but one buffer of this GPU holds at most ${formatBytes(bytes)} (${limit}).`,
    { remedy },
  );
}
