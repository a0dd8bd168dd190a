// The frozen weights of a model in the formats they are kept in, ready for a device: what an engine takes.
import { invariant } from "../util/assert.ts";
import type { ModelConfig } from "./config.ts";
import { tensorsOf } from "./tensors.ts";
import { decodeWeight } from "./weight-format/decode.ts";
import { WeightEncoder, type WeightPart } from "./weight-format/encode.ts";
import {
  formatFor,
  weightBytes,
  type WeightBinding,
  type WeightFormat,
  type WeightShape,
} from "./weight-format/format.ts";

export interface WeightStore {
  /** How each of the decoder's tensors is kept, by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, WeightShape>;
  /**
   * A tensor's bytes as they lie on a device, in pieces that together fill every binding.
   * @throws UserError for bytes that cannot be had or a value that the format cannot hold; the signal's AbortError
   */
  parts(name: string, signal: AbortSignal): AsyncIterable<WeightPart>;
}

/** One format for all matrices. */
export interface WeightChoice {
  format: WeightFormat;
  /** Values that share a scale, of q8 and q4. */
  groupSize?: number;
}

/** Values encoded at a time: what a copy of it takes is small beside a tensor. */
const pieceElements = 4 * 1024 ** 2;

/** What a choice means for each tensor of a model: vectors stay f32, rows that are not whole groups are f16. */
export function weightShapes(
  config: ModelConfig,
  { format, groupSize }: WeightChoice,
): Map<string, WeightShape> {
  return new Map(
    tensorsOf(config).map(({ name, shape }) => {
      const { rows, cols } = matrixOf(shape);
      const own = formatFor(format, rows, cols, groupSize);
      const group = own === format && groupSize !== undefined ? { groupSize } : {};
      return [name, { format: own, rows, cols, ...group }];
    }),
  );
}

/** A tensor's rows and columns; a vector is one row. */
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

/** A store that encodes f32 values whenever they are asked for. */
export function encodingStore(
  shapes: ReadonlyMap<string, WeightShape>,
  read: (name: string, signal: AbortSignal) => Promise<Float32Array<ArrayBuffer>>,
): WeightStore {
  return {
    shapes,
    async *parts(name, signal) {
      const shape = shapeIn(shapes, name);
      yield* encodeAll(name, shape, await read(name, signal));
    },
  };
}

/** A whole tensor as f32: what a kernel that reads it sees. */
export async function readValues(
  { shapes, parts }: WeightStore,
  name: string,
  signal: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  const shape = shapeIn(shapes, name);
  const sizes = Object.entries(weightBytes(shape));
  const stored: Partial<Record<WeightBinding, ArrayBuffer>> = Object.fromEntries(
    sizes.map(([binding, bytes]) => [binding, new ArrayBuffer(bytes)]),
  );
  for await (const { binding, offsetBytes, values } of parts(name, signal)) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(stored[binding] ?? new ArrayBuffer(0)).set(bytes, offsetBytes);
  }
  return decodeWeight(shape, stored);
}

function* encodeAll(
  name: string,
  shape: WeightShape,
  values: Float32Array<ArrayBuffer>,
): Generator<WeightPart> {
  const encoder = new WeightEncoder(name, shape);
  const rows = Math.max(1, Math.floor(pieceElements / shape.cols));
  for (let row = 0; row < shape.rows; row += rows) {
    const end = Math.min(row + rows, shape.rows);
    yield* encoder.rows(values.subarray(row * shape.cols, end * shape.cols));
  }
  yield* encoder.finish();
}

export function shapeIn(shapes: ReadonlyMap<string, WeightShape>, name: string): WeightShape {
  const shape = shapes.get(name);
  invariant(shape !== undefined, `${name} is not among the weights`);
  return shape;
}
