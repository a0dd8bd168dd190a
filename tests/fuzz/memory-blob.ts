// A blob whose bytes are at hand: Node's own reads each slice through another thread, which takes
// longer than to parse it.

export class MemoryBlob extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    super();
    this.#bytes = bytes;
  }

  override get size(): number {
    return this.#bytes.length;
  }

  override slice(begin?: number, end?: number): Blob {
    return new MemoryBlob(this.#bytes.subarray(begin, end));
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(this.#bytes.slice().buffer);
  }
}
