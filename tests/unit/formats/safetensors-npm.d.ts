// The npm package safetensors 0.0.1 has no types; these are of the part the tests use.
declare module "safetensors" {
  export class SafeTensor {
    constructor(buffer: Uint8Array);
    readonly metadata: ReadonlyMap<string, { dtype: string; shape: number[] }>;
    getTensor(name: string): Uint8Array;
  }
}
