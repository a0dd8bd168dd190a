// Reads a stored weight as f32 rows, a piece at a time: neither the f32 matrix nor, but for nf4's
// scales, its packed bytes are in memory as a whole.
import { invariant } from "../../util/assert.ts";
import { decodeWeight } from "../weight-format/decode.ts";
import {
  nf4NestedBlock,
  nf4Tables,
  weightBytes,
  type WeightBinding,
} from "../weight-format/format.ts";
import { shapeIn, type WeightStore } from "./store.ts";

/** Values of a piece: 1 MiB as f32, which stays in a processor's cache. */
const pieceElements = 2 ** 18;

/** nf4 values whose scales share a nested maximum. */
const nestedValues = nf4NestedBlock * 64;

/**
 * All rows of a tensor in order, in pieces of about 1 MiB, each a whole number of `multiple` rows.
 * Where the weights have scales, the store is read twice: their scales, then the weights.
 * @throws what the store throws; the signal's AbortError
 */
export async function* storedRows(
  store: WeightStore,
  name: string,
  signal: AbortSignal,
  multiple = 1,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const shape = shapeIn(store.shapes, name);
  const { rows, cols, format } = shape;
  const sizes = weightBytes(shape);
  const scales = await whole(store, name, "scales", sizes.scales ?? 0, signal);
  const tables = await whole(store, name, "tables", sizes.tables ?? 0, signal);
  const granule = format === "nf4" ? leastCommon(multiple, nestedRows(cols)) : multiple;
  const step = granule * Math.max(1, Math.floor(pieceElements / cols / granule));
  const queue = new ByteQueue(ofBinding(store, name, "weight", signal));
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const share = (bytes: number) => (bytes / rows) * count;
    const from = (bytes: number) => (bytes / rows) * first;
    const weight = await queue.take(share(sizes.weight ?? 0));
    yield decodeWeight(
      { ...shape, rows: count },
      {
        weight,
        scales: slice(scales, from(sizes.scales ?? 0), share(sizes.scales ?? 0)),
        tables:
          tables.byteLength === 0 ? tables : tablesFrom(tables, (first * cols) / nestedValues),
      },
    );
  }
}

/** Rows after which the count of values is a multiple of `nestedValues`. */
function nestedRows(cols: number): number {
  return leastCommon(cols, nestedValues) / cols;
}

function leastCommon(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}

/** Whole words, so that the last piece of nf4's scales may end within one. */
function slice(bytes: ArrayBuffer, from: number, length: number): ArrayBuffer {
  return bytes.slice(from, Math.min(bytes.byteLength, from + Math.ceil(length / 4) * 4));
}

/** nf4's tables for a piece: the same but for the nested maxima, which begin at its own. */
function tablesFrom(tables: ArrayBuffer, nested: number): ArrayBuffer {
  const all = new Float32Array(tables);
  const own = all.subarray(nf4Tables.nested + nested);
  const piece = new Float32Array(nf4Tables.nested + own.length);
  piece.set(all.subarray(0, nf4Tables.nested));
  piece.set(own, nf4Tables.nested);
  return piece.buffer;
}

async function whole(
  store: WeightStore,
  name: string,
  binding: WeightBinding,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<ArrayBuffer> {
  return sizeBytes === 0
    ? new ArrayBuffer(0)
    : await new ByteQueue(ofBinding(store, name, binding, signal)).take(sizeBytes);
}

async function* ofBinding(
  store: WeightStore,
  name: string,
  wanted: WeightBinding,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const { binding, values } of store.parts(name, signal)) {
    if (binding === wanted) {
      yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }
  }
}

/** Bytes that arrive in parts of any size and leave in those asked for. */
class ByteQueue {
  readonly #parts: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(parts: AsyncIterable<Uint8Array>) {
    this.#parts = parts[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<ArrayBuffer> {
    const taken = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#rest.length === 0) {
        const next = await this.#parts.next();
        invariant(next.done !== true, `a weight ends ${count - filled} bytes early`);
        this.#rest = next.value;
      }
      const some = this.#rest.subarray(0, count - filled);
      taken.set(some, filled);
      filled += some.length;
      this.#rest = this.#rest.subarray(some.length);
    }
    return taken.buffer;
  }
}
