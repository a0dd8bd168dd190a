// An assembled module with its memory, which grows to what a call needs.
import { assemble, type WasmFunction } from "./assemble.ts";

const pageBytes = 0x10000;

type Functions = Readonly<Record<string, (...numbers: number[]) => void>>;

export class WasmKernels {
  readonly #memory: WebAssembly.Memory;
  readonly #functions: Functions;

  constructor(functions: readonly WasmFunction[]) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble(functions)));
    const { memory, ...rest } = exports;
    this.#memory = memory as WebAssembly.Memory;
    this.#functions = rest as unknown as Functions;
  }

  /** The memory, of at least this size; views of it are void after the next call of this. */
  bytes(size: number): ArrayBuffer {
    const missing = size - this.#memory.buffer.byteLength;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
    }
    return this.#memory.buffer;
  }

  call(name: string, ...numbers: number[]): void {
    this.#functions[name]?.(...numbers);
  }
}
