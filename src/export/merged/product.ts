// Adds the product of two narrow matrices to rows of a wide one, by vectors of four in a few
// hundred bytes of WebAssembly: a merged model has billions of values.
import { code, wasm, type Code, type WasmFunction } from "../../util/wasm/assemble.ts";
import { WasmKernels } from "../../util/wasm/instance.ts";

const { get, set, number, add, load, store, addFloats } = wasm;

/** Rows and columns of W in registers at a time. */
const [tileRows, tileColumns] = [4, 8];

const [wPlace, wEnd, wRowBytes, aPlace, aEnd, bPlace, bRowBytes] = [0, 1, 2, 3, 4, 5, 6];
const [atW, atA, atB, columnBytes] = [7, 8, 9, 10];
const [left, right, factor, sums] = [11, 12, 13, 14];

const rows = Array.from({ length: tileRows }, (_, row) => row);

/** place + row * rowBytes. */
function rowOf(place: number, rowBytes: number, row: number): Code {
  return code(get(place), ...Array<Code>(row).fill(code(get(rowBytes), add)));
}

/** sums of a row += factor of the row * eight values of A. */
function accumulate(row: number): Code {
  const sum = (half: number, values: number) => {
    const at = sums + 2 * row + half;
    return code(get(at), get(factor), get(values), wasm.multiplyFloats, addFloats, set(at));
  };
  return code(
    rowOf(atB, bRowBytes, row),
    wasm.loadSplat(0),
    set(factor),
    sum(0, left),
    sum(1, right),
  );
}

/** Adds the sums of a row to W and clears them. */
function release(row: number): Code {
  const half = (index: number) => {
    const at = sums + 2 * row + index;
    const place = rowOf(atW, wRowBytes, row);
    const sum = code(place, load(16 * index), get(at), addFloats);
    return code(place, sum, store(16 * index), wasm.splat(0), set(at));
  };
  return code(half(0), half(1));
}

const advance = (local: number, bytes: Code) => code(get(local), bytes, add, set(local));

/**
 * For a tile of columns: sums over the rank, which A's rows and B's columns count. W and A have
 * rows of the same bytes.
 */
const tile = code(
  ...[get(aPlace), get(columnBytes), add, set(atA), get(bPlace), set(atB)],
  wasm.repeat(
    code(
      ...[get(atA), load(0), set(left), get(atA), load(16), set(right)],
      ...rows.map(accumulate),
      ...[advance(atB, number(4)), advance(atA, get(wRowBytes))],
    ),
    code(get(atA), get(aEnd), wasm.isLess),
  ),
  ...rows.map(release),
);

const kernel: WasmFunction = {
  name: "addProduct",
  ...{ parameters: 7, integers: 4, vectors: 3 + 2 * tileRows },
  body: wasm.repeat(
    code(
      ...[number(0), set(columnBytes), get(wPlace), set(atW)],
      wasm.repeat(
        code(tile, advance(columnBytes, number(4 * tileColumns)), advance(atW, number(32))),
        code(get(columnBytes), get(wRowBytes), wasm.isLess),
      ),
      ...rows.map(() => advance(wPlace, get(wRowBytes))),
      ...rows.map(() => advance(bPlace, get(bRowBytes))),
    ),
    code(get(wPlace), get(wEnd), wasm.isLess),
  ),
};

/** Values of W at a time: they stay in the processor's cache. */
const blockValues = 0x10000;

let compiled: WasmKernels | undefined;
/** The matrix in the memory. */
let present: Float32Array | undefined;

/** A matrix A [rank, columns] that is multiplied from the left. */
export class Product {
  readonly #a: Float32Array;
  readonly #rank: number;
  readonly #columns: number;
  /** Columns of a row in the memory, which are whole tiles; so are the rows of a block. */
  readonly #stride: number;
  readonly #height: number;

  constructor(a: Float32Array, rank: number, columns: number) {
    this.#a = a;
    this.#rank = rank;
    this.#columns = columns;
    this.#stride = wholeTiles(columns, tileColumns);
    this.#height = wholeTiles(Math.ceil(blockValues / columns), tileRows);
  }

  /**
   * w += b A. The sums over the rank are in f32, and added as a whole.
   * @param w whole rows, changed in place
   * @param b [rows, rank]
   */
  addTo(w: Float32Array, b: Float32Array): void {
    const [rank, columns, height] = [this.#rank, this.#columns, this.#height];
    for (let row = 0; row * columns < w.length; row += height) {
      const block = w.subarray(row * columns, (row + height) * columns);
      this.#addTo(block, b.subarray(row * rank, (row + height) * rank));
    }
  }

  #addTo(w: Float32Array, b: Float32Array): void {
    const [rank, stride] = [this.#rank, this.#stride];
    const bAt = rank * stride;
    const wAt = bAt + this.#height * rank;
    const kernels = (compiled ??= new WasmKernels([kernel]));
    const memory = new Float32Array(kernels.bytes(4 * (wAt + this.#height * stride)));
    if (present !== this.#a) {
      this.#copy(this.#a, memory);
      present = this.#a;
    }
    memory.set(b, bAt);
    const block = memory.subarray(wAt);
    this.#copy(w, block);
    const wEnd = wAt + wholeTiles(w.length / this.#columns, tileRows) * stride;
    kernels.call(kernel.name, ...[wAt, wEnd, stride, 0, bAt, bAt, rank].map((at) => 4 * at));
    this.#copy(block, w, true);
  }

  /** Rows into the memory, or out of it. */
  #copy(from: Float32Array, to: Float32Array, isOut = false): void {
    const [columns, stride] = [this.#columns, this.#stride];
    if (columns === stride) {
      to.set(isOut ? from.subarray(0, to.length) : from);
      return;
    }
    const rows = (isOut ? to : from).length / columns;
    const [fromStride, toStride] = isOut ? [stride, columns] : [columns, stride];
    for (let row = 0; row < rows; row++) {
      to.set(from.subarray(row * fromStride, row * fromStride + columns), row * toStride);
    }
  }
}

function wholeTiles(count: number, tile: number): number {
  return Math.ceil(count / tile) * tile;
}
