// Reads a struct of Thrift's compact protocol, as far as page headers need it: whole numbers and
// structs within structs. Text, lists and fractions are passed over, and take no memory.
// Source: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.

/** By field id; null for a field that was passed over. */
export type ThriftStruct = ReadonlyMap<number, number | ThriftStruct | null>;

/** A footer nests seven deep, lists counted: row groups, columns, their data, statistics. */
const maxDepth = 10;
/** Of a number of 64 bits. */
const maxVarintBytes = 10;

export class ThriftReader {
  readonly #view: DataView;
  #at: number;

  constructor(view: DataView, at = 0) {
    this.#view = view;
    this.#at = at;
  }

  /** Of the byte behind what was read. */
  get at(): number {
    return this.#at;
  }

  /** @throws RangeError past the end of the view, and for what is no struct */
  struct(depth = 0): ThriftStruct {
    if (depth > maxDepth) {
      throw new RangeError("its Thrift nests too deep");
    }
    const fields = new Map<number, number | ThriftStruct | null>();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 15;
      if (type === 0) {
        return fields;
      }
      id = head >> 4 === 0 ? this.#integer() : id + (head >> 4);
      fields.set(id, this.#value(type, depth));
    }
  }

  #value(type: number, depth: number): number | ThriftStruct | null {
    switch (type) {
      case 1: // true
        return 1;
      case 2: // false
        return 0;
      case 3:
        return this.#byte();
      case 4: // 16, 32 and 64 bits
      case 5:
      case 6:
        return this.#integer();
      case 7: // a double
        return this.#pass(8);
      case 8: // text or bytes
        return this.#pass(this.#varint());
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new RangeError(`its Thrift has a field of type ${type}`);
    }
  }

  #list(depth: number): null {
    const head = this.#byte();
    const length = head >> 4 === 15 ? this.#varint() : head >> 4;
    const type = head & 15;
    for (let index = 0; index < length; index++) {
      // Each takes a byte at least, so the end of the view ends a list that is too long.
      this.#value(type === 1 || type === 2 ? 3 : type, depth + 1);
    }
    return null;
  }

  #byte(): number {
    return this.#view.getUint8(this.#at++);
  }

  #pass(bytes: number): null {
    this.#at += bytes;
    if (this.#at > this.#view.byteLength) {
      throw new RangeError("its Thrift ends too early");
    }
    return null;
  }

  /** Zigzag: 0, -1, 1, -2, ... */
  #integer(): number {
    const coded = this.#varint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  #varint(): number {
    let value = 0;
    for (let index = 0; index < maxVarintBytes; index++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * index);
      if (byte < 128) {
        return value;
      }
    }
    throw new RangeError("a number of its Thrift has more than 64 bits");
  }
}

/** @throws RangeError for bytes that do not begin with a struct, whose lists all end in them */
export function checkThrift(bytes: ArrayBuffer): void {
  new ThriftReader(new DataView(bytes)).struct();
}
