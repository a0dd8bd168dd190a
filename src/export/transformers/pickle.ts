// Writes values as Python's pickle with the tensors of torch.save, in the opcodes that
// torch.load(weights_only=True) takes. Source: Python 3.11, pickletools.py; torch 2.13,
// serialization.py (persistent_id) and _utils.py (_rebuild_tensor_v2). Nothing here reads a pickle.
import { invariant } from "../../util/assert.ts";
import { PythonFloat } from "../python-json.ts";

/** A contiguous f32 tensor. */
export class PickleTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;

  /** @param values row-major */
  constructor(shape: readonly number[], values: Float32Array<ArrayBuffer>) {
    const size = shape.reduce((product, each) => product * each, 1);
    invariant(size === values.length, `a tensor of ${size} values has ${values.length}`);
    this.shape = shape;
    this.values = values;
  }
}

/** A Python tuple; an array is a list. */
export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(...items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A whole number is an int, unless it is a PythonFloat. Keys of a Map may be ints. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PythonFloat
  | PickleTensor
  | PickleTuple
  | readonly PickleValue[]
  | ReadonlyMap<number, PickleValue>
  | { readonly [key: string]: PickleValue };

export interface Pickled {
  bytes: Uint8Array<ArrayBuffer>;
  /** The values of each tensor, which torch.save keeps in a file named by this index. */
  storages: readonly Float32Array<ArrayBuffer>[];
}

/** @throws Error for a number that is not finite, or a whole one of more than 32 bits */
export function pickle(value: PickleValue): Pickled {
  const writer = new PickleWriter();
  writer.value(value);
  return writer.close();
}

const code = (letter: string) => letter.charCodeAt(0);
const protocol = 2;
const maxInt = 2 ** 31;

class PickleWriter {
  readonly #bytes: number[] = [0x80, protocol];
  readonly #storages: Float32Array<ArrayBuffer>[] = [];

  close(): Pickled {
    this.#op(".");
    return { bytes: Uint8Array.from(this.#bytes), storages: this.#storages };
  }

  value(value: PickleValue): void {
    if (value === null) {
      this.#op("N");
    } else if (typeof value === "boolean") {
      this.#bytes.push(value ? 0x88 : 0x89);
    } else if (typeof value === "string") {
      this.#text(value);
    } else if (typeof value === "number") {
      this.#number(value);
    } else if (value instanceof PythonFloat) {
      this.#float(value.value);
    } else if (value instanceof PickleTensor) {
      this.#tensor(value);
    } else if (value instanceof PickleTuple) {
      this.#tuple(value.items);
    } else if (isList(value)) {
      this.#list(value);
    } else {
      this.#dict(value instanceof Map ? [...value] : Object.entries(value));
    }
  }

  #op(letter: string): void {
    this.#bytes.push(code(letter));
  }

  #number(value: number): void {
    if (!Number.isInteger(value)) {
      this.#float(value);
      return;
    }
    invariant(Math.abs(value) < maxInt, `a pickle of the whole number ${value}`);
    this.#op("J");
    this.#int32(value);
  }

  #int32(value: number): void {
    this.#bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  /** Big-endian, unlike every other number. */
  #float(value: number): void {
    invariant(Number.isFinite(value), `a pickle of ${value}`);
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    this.#op("G");
    this.#bytes.push(...new Uint8Array(view.buffer));
  }

  #text(value: string): void {
    const text = new TextEncoder().encode(value);
    this.#op("X");
    this.#int32(text.length);
    text.forEach((byte) => this.#bytes.push(byte));
  }

  #list(items: readonly PickleValue[]): void {
    this.#op("]");
    this.#op("(");
    items.forEach((item) => {
      this.value(item);
    });
    this.#op("e");
  }

  #tuple(items: readonly PickleValue[]): void {
    this.#op("(");
    items.forEach((item) => {
      this.value(item);
    });
    this.#op("t");
  }

  #dict(entries: readonly (readonly [number | string, PickleValue])[]): void {
    this.#op("}");
    this.#op("(");
    for (const [key, value] of entries) {
      this.value(key);
      this.value(value);
    }
    this.#op("u");
  }

  /** A class or function by its name. */
  #global(module: string, name: string): void {
    this.#op("c");
    this.#bytes.push(...new TextEncoder().encode(`${module}\n${name}\n`));
  }

  /** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks) */
  #tensor({ shape, values }: PickleTensor): void {
    this.#global("torch._utils", "_rebuild_tensor_v2");
    this.#op("(");
    this.#storage(values);
    this.#number(0);
    this.#tuple(shape);
    this.#tuple(stridesOf(shape));
    this.value(false);
    this.#global("collections", "OrderedDict");
    this.#op(")");
    this.#op("R");
    this.#op("t");
    this.#op("R");
  }

  /** A persistent id: ("storage", type, key, device, values). */
  #storage(values: Float32Array<ArrayBuffer>): void {
    this.#op("(");
    this.#text("storage");
    this.#global("torch", "FloatStorage");
    this.#text(String(this.#storages.length));
    this.#text("cpu");
    this.#number(values.length);
    this.#op("t");
    this.#op("Q");
    this.#storages.push(values);
  }
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** Array.isArray does not know read-only arrays. */
function isList(value: PickleValue): value is readonly PickleValue[] {
  return Array.isArray(value);
}
