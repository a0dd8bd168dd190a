// The frozen weights of a model in their weight formats, as an engine reads them.
import { invariant } from "../../util/assert.ts";
import type { SourceTensor } from "../source-tensor.ts";
import { tensorsOf } from "../tensors.ts";
import { convertTensor, type ConversionReport } from "./convert.ts";
import { decodeWeight } from "../weight-format/decode.ts";
import { WeightEncoder, type WeightPart } from "../weight-format/encode.ts";
import {
  formatFor,
  weightBytes,
  type WeightBinding,
  type WeightFormat,
  type WeightShape,
} from "../weight-format/format.ts";
import { rowPieces } from "./pieces.ts";
import type { ModelConfig } from "../config/model-config.ts";

export interface WeightStore {
  /** Format and size of each tensor of the decoder, by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, WeightShape>;
  /** Whether `parts` only reads, so that it can be asked again and again. Left out: false. */
  readonly isReady?: boolean;
  /**
   * The bytes of a tensor in device layout, in parts of at most 16 MiB that together fill every
   * binding.
   * @throws UserError for bytes that cannot be read or a value outside the range of the format; the
   * signal's AbortError
   */
  parts(name: string, signal: AbortSignal): AsyncIterable<WeightPart>;
}

/** One format for all matrices, or the stored format of each. */
export interface WeightChoice {
  format: WeightFormat | "stored";
  /** Values that share a scale; for q8 and q4. */
  groupSize?: number | undefined;
}

/**
 * The shape of each tensor of a model under a choice: vectors stay f32; rows whose length is not a
 * multiple of the group size become f16.
 * @param tensors as stored in the files; needed for "stored"
 */
export function weightShapes(
  config: ModelConfig,
  choice: WeightChoice,
  tensors?: ReadonlyMap<string, SourceTensor>,
): Map<string, WeightShape> {
  return new Map(
    tensorsOf(config).map(({ name, shape }) => [
      name,
      choice.format === "stored"
        ? keptShape(name, tensors)
        : shapeFor(shape, choice.format, choice.groupSize),
    ]),
  );
}

/** Rows and columns of a tensor; a vector is one row. */
export function matrixOf(shape: readonly number[]): { rows: number; cols: number } {
  const cols = shape.at(-1) ?? 1;
  return { rows: shape.slice(0, -1).reduce((rows, size) => rows * size, 1), cols };
}

/** Bytes of all tensors on a device. */
export function storedBytes(shapes: ReadonlyMap<string, WeightShape>): number {
  let sum = 0;
  for (const shape of shapes.values()) {
    for (const bytes of Object.values(weightBytes(shape))) {
      sum += bytes;
    }
  }
  return sum;
}

/**
 * A store that reads and converts on each call: for local files, which need no cache.
 * @param shapes the result of `weightShapes`
 * @param report receives the error of each conversion
 */
export function sourceStore(
  tensors: ReadonlyMap<string, SourceTensor>,
  shapes: ReadonlyMap<string, WeightShape>,
  report?: ConversionReport,
): WeightStore {
  return {
    shapes,
    parts(name, signal) {
      const tensor = tensors.get(name);
      invariant(tensor !== undefined, `${name} was not opened`);
      return convertTensor(tensor, shapeIn(shapes, name), signal, report);
    },
  };
}

/** A store that encodes f32 values on each call. */
export function encodingStore(
  shapes: ReadonlyMap<string, WeightShape>,
  read: (name: string, signal: AbortSignal) => Promise<Float32Array<ArrayBuffer>>,
): WeightStore {
  return {
    shapes,
    async *parts(name, signal) {
      const shape = shapeIn(shapes, name);
      const values = await read(name, signal);
      const encoder = new WeightEncoder(name, shape);
      for (const [first, end] of rowPieces(shape.rows, shape.cols)) {
        yield* encoder.rows(values.subarray(first * shape.cols, end * shape.cols));
      }
      yield* encoder.finish();
    },
  };
}

/** A whole tensor as f32: the values that a kernel reads. */
export async function readValues(
  store: WeightStore,
  name: string,
  signal: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  const shape = shapeIn(store.shapes, name);
  const sizes = Object.entries(weightBytes(shape));
  const stored: Partial<Record<WeightBinding, ArrayBuffer>> = Object.fromEntries(
    sizes.map(([binding, bytes]) => [binding, new ArrayBuffer(bytes)]),
  );
  for await (const { binding, offsetBytes, values } of store.parts(name, signal)) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(stored[binding] ?? new ArrayBuffer(0)).set(bytes, offsetBytes);
  }
  return decodeWeight(shape, stored);
}

export function shapeIn(shapes: ReadonlyMap<string, WeightShape>, name: string): WeightShape {
  const shape = shapes.get(name);
  invariant(shape !== undefined, `${name} is not among the weights`);
  return shape;
}

function keptShape(
  name: string,
  tensors: ReadonlyMap<string, SourceTensor> | undefined,
): WeightShape {
  const tensor = tensors?.get(name);
  invariant(tensor !== undefined, `${name} was not opened`);
  return tensor.kept;
}

function shapeFor(
  shape: readonly number[],
  wanted: WeightFormat,
  groupSize: number | undefined,
): WeightShape {
  const { rows, cols } = matrixOf(shape);
  const format = formatFor(wanted, rows, cols, groupSize);
  const isGrouped = format === wanted && groupSize !== undefined;
  return { format, rows, cols, groupSize: isGrouped ? groupSize : undefined };
}
