// The fit of a model on this device in a weight format: bytes of a run, before any weight is
// downloaded, and what to change where it does not fit.
import type { BatchShape } from "../engine/contract.ts";
import { layerOf } from "../model/tensors.ts";
import { storedBytes } from "../model/weights/store.ts";
import { weightBytes, type WeightShape } from "../model/weight-format/format.ts";
import { formatBytes, formatCount } from "../util/format.ts";

/** The longest row that fits is a multiple of this many tokens. */
const lengthStep = 64;

/** The memory of a device, found by trial. */
export interface DeviceMemory {
  /** Bytes that it granted in total. */
  totalBytes: number;
  /** Whether it refused more; false where no more was tried. */
  isLimit: boolean;
  /** Largest buffer that a kernel can bind, in bytes. */
  bindingBytes: number;
}

/** A run by the current recipe, with the weights in one format. */
export interface FormatCandidate {
  shapes: ReadonlyMap<string, WeightShape>;
  /** Of a micro-batch. */
  shape: BatchShape;
  /** Of the model, in tokens. */
  contextLength: number;
  /** Device bytes of a run of another shape, which tries to stay within the budget. */
  bytesOf: (shape: BatchShape, budgetBytes: number) => number;
  /** The same, with layers that are streamed from storage; null where they cannot be. */
  streamedBytesOf: ((shape: BatchShape) => number) | null;
}

/** What a run needs on the device with the weights in one format. */
export interface Fit {
  weightsBytes: number;
  /** Weights, adapter, optimizer, activations and scratch, as the memory planner fits them. */
  neededBytes: number;
  fits: boolean;
  /** Of a run that fits with streamed layers alone, and what a pass reads; else null. */
  streamed: { neededBytes: number; readBytes: number } | null;
  /**
   * Tokens of the longest row that fits, at most the model's context; 0 when none does. Slow: plans
   * about ten runs.
   */
  largestLength: () => number;
  /** The first tensor that is too large for one buffer, and its bytes; usually null. */
  oversized: { name: string; sizeBytes: number } | null;
}

/** Plans the run of a candidate and compares its bytes with the device's memory. */
export function fitOf(candidate: FormatCandidate, memory: DeviceMemory): Fit {
  const { shapes, shape, bytesOf, streamedBytesOf } = candidate;
  const weightsBytes = storedBytes(shapes);
  const oversized = oversizedOf(shapes, memory.bindingBytes);
  const neededBytes = bytesOf(shape, memory.totalBytes);
  const fits = oversized === null && neededBytes <= memory.totalBytes;
  const mayStream = !fits && oversized === null && streamedBytesOf !== null;
  const streamedBytes = mayStream ? streamedBytesOf(shape) : Infinity;
  return {
    weightsBytes,
    neededBytes,
    fits,
    streamed:
      streamedBytes <= memory.totalBytes
        ? { neededBytes: streamedBytes, readBytes: layerBytes(shapes) }
        : null,
    largestLength: () => (oversized === null ? longestRow(candidate, memory.totalBytes) : 0),
    oversized,
  };
}

function layerBytes(shapes: FormatCandidate["shapes"]): number {
  return storedBytes(new Map([...shapes].filter(([name]) => layerOf(name) !== null)));
}

/** Bisects over the smallest memory choice with one row at a time. */
function longestRow({ bytesOf, contextLength }: FormatCandidate, totalBytes: number): number {
  const steps = Math.floor(contextLength / lengthStep);
  let [low, high] = [0, Math.min(steps, 512) + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (bytesOf({ rows: 1, length: middle * lengthStep }, 0) <= totalBytes) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low * lengthStep;
}

/** The first tensor that one buffer cannot hold; null when all fit. */
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

/** The fit of one format, with the label that the person chooses it by. */
export interface NamedFit extends Fit {
  label: string;
}

/**
 * A fit in words: "Needs 1.90 GB of 8.00 GB. Fits." or "Needs 9.30 GB of 8.00 GB. Choose q4 (needs
 * 5.10 GB) or rows of at most 256 tokens." A run with streamed layers is told with what it reads.
 * @param others the other formats of the same model
 */
export function fitWords(
  { neededBytes, streamed, fits, largestLength, oversized }: NamedFit,
  others: readonly NamedFit[],
  memory: DeviceMemory,
): string {
  const allowed = memory.isLimit ? ` of ${formatBytes(memory.totalBytes)}` : "";
  const needs = `Needs ${formatBytes(neededBytes)}${allowed}.`;
  if (fits) {
    return memory.isLimit ? `${needs} Fits.` : `${needs} Fits on this device.`;
  }
  if (oversized === null && !memory.isLimit) {
    return `${needs} Larger than this device was tested for.`;
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
      : `${oversized.name} needs ${formatBytes(oversized.sizeBytes)}; a buffer holds at most ${formatBytes(memory.bindingBytes)} here.`;
  if (streamed !== null) {
    const slower = `${why} With streamed layers it fits in ${formatBytes(streamed.neededBytes)}. Each pass then reads ${formatBytes(streamed.readBytes)} from storage, two or three times, so it is slower.`;
    return ways.length === 0 ? slower : `${slower} Faster: ${ways.join(" or ")}.`;
  }
  return ways.length === 0
    ? `${why} Choose a smaller model.`
    : `${why} Choose ${ways.join(" or ")}.`;
}

function byNeed(a: Fit, b: Fit): number {
  return b.neededBytes - a.neededBytes;
}

/** The largest format that fits, or the smallest where none does. */
export function bestOf<F extends Fit>(fits: readonly F[]): F | undefined {
  const sorted = fits.toSorted(byNeed);
  return sorted.find((each) => each.fits) ?? sorted.at(-1);
}
