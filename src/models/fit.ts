// What a model costs on this device in each weight format, before a byte of it is downloaded, and
// what to change where none fits.
import type { BatchShape } from "../engine/contract.ts";
import { storedBytes } from "../model/weights/store.ts";
import { weightBytes, type WeightShape } from "../model/weight-format/format.ts";
import { formatBytes, formatCount } from "../util/format.ts";

/** Tokens of a row are offered in steps of this. */
const lengthStep = 64;

/** What a device allows. */
export interface DeviceMemory {
  /** Bytes in all that it grants. */
  totalBytes: number;
  /** Whether it refused more, or was just not asked for more. */
  isLimit: boolean;
  /** Bytes of one buffer as a kernel sees it. */
  bindingBytes: number;
}

/** A run as it would be now, with the weights kept in one way. */
export interface FormatCandidate {
  shapes: ReadonlyMap<string, WeightShape>;
  /** One micro-batch. */
  shape: BatchShape;
  /** The model's, in tokens. */
  contextLength: number;
  /** Device bytes of a run of another shape, which tries to stay within the budget. */
  takes: (shape: BatchShape, budgetBytes: number) => number;
}

/** What a run of some shape takes with the weights kept in one way. */
export interface Fit {
  weightsBytes: number;
  /** Weights, adapter, optimizer, activations and working memory, as the planner makes them fit. */
  neededBytes: number;
  fits: boolean;
  /**
   * Tokens of the longest row that fits, at most the model's context; 0 when none does. Plans some
   * ten runs.
   */
  largestLength: () => number;
  /** The tensor that is too large for one buffer, and its bytes; null as a rule. */
  oversized: { name: string; sizeBytes: number } | null;
}

export function fitOf(candidate: FormatCandidate, memory: DeviceMemory): Fit {
  const { shapes, shape, takes } = candidate;
  const weightsBytes = storedBytes(shapes);
  const oversized = oversizedOf(shapes, memory.bindingBytes);
  const neededBytes = takes(shape, memory.totalBytes);
  const fits = oversized === null && neededBytes <= memory.totalBytes;
  return {
    weightsBytes,
    neededBytes,
    fits,
    largestLength: () => (oversized === null ? longestRow(candidate, memory.totalBytes) : 0),
    oversized,
  };
}

/** Bisects the least that one row at a time takes. */
function longestRow({ takes, contextLength }: FormatCandidate, totalBytes: number): number {
  const steps = Math.floor(contextLength / lengthStep);
  let [low, high] = [0, Math.min(steps, 512) + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (takes({ rows: 1, length: middle * lengthStep }, 0) <= totalBytes) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low * lengthStep;
}

/** The first tensor that one buffer cannot hold. */
export function oversizedOf(
  shapes: ReadonlyMap<string, WeightShape>,
  bindingBytes: number,
): Fit["oversized"] {
  for (const [name, shape] of shapes) {
    const sizeBytes = Math.max(...Object.values(weightBytes(shape)));
    if (sizeBytes > bindingBytes) {
      return { name, sizeBytes };
    }
  }
  return null;
}

/** One way to keep a model's weights, by the name that the person chooses it under. */
export interface NamedFit extends Fit {
  label: string;
}

/**
 * "Needs 1.90 GB of 8.00 GB. Fits." or "Needs 9.30 GB of 8.00 GB. Choose q4 (needs 5.10 GB) or rows
 * of at most 256 tokens."
 * @param others the other formats of the same model
 */
export function fitWords(
  { neededBytes, fits, largestLength, oversized }: NamedFit,
  others: readonly NamedFit[],
  memory: DeviceMemory,
): string {
  const allowed = memory.isLimit ? ` of ${formatBytes(memory.totalBytes)}` : "";
  const needs = `Needs ${formatBytes(neededBytes)}${allowed}.`;
  if (fits) {
    return memory.isLimit ? `${needs} Fits.` : `${needs} Fits: this device grants it.`;
  }
  if (oversized === null && !memory.isLimit) {
    return `${needs} More than was tried on this device.`;
  }
  const smaller = others.filter((other) => other.fits).toSorted(byNeed)[0];
  const length = largestLength();
  const ways = [
    ...(smaller === undefined
      ? []
      : [`${smaller.label} (needs ${formatBytes(smaller.neededBytes)})`]),
    ...(length > 0 ? [`rows of at most ${formatCount(length)} tokens`] : []),
  ];
  const why =
    oversized === null
      ? needs
      : `${oversized.name} takes ${formatBytes(oversized.sizeBytes)}, more than one buffer holds here (${formatBytes(memory.bindingBytes)}).`;
  return ways.length === 0
    ? `${why} Choose a smaller model.`
    : `${why} Choose ${ways.join(" or ")}.`;
}

function byNeed(a: Fit, b: Fit): number {
  return b.neededBytes - a.neededBytes;
}

/** The largest that fits, or the smallest there is. */
export function bestOf<F extends Fit>(fits: readonly F[]): F | undefined {
  const sorted = fits.toSorted(byNeed);
  return sorted.find(({ fits: does }) => does) ?? sorted.at(-1);
}
