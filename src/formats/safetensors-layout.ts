// The layout that the safetensors reader and writer share: dtypes, limits, tensor sizes.
// Source: huggingface/safetensors 24b0b28, safetensors/src/tensor.rs.

/** In the order of the Rust enum, by rising alignment: the writer sorts by it. */
const bytesByDtype = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** The dtypes Anneal reads; the format also has complex numbers and floats below 16 bits. */
export type Dtype = keyof typeof bytesByDtype;

export const dtypes = Object.keys(bytesByDtype) as readonly Dtype[];

/** One tensor of a file. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** First byte, counted from the start of the data after the header. */
  readonly begin: number;
  /** One past the last byte. */
  readonly end: number;
}

/** Bytes of the u64 before the header. */
export const lengthBytes = 8;

/** The limit of the Rust reader, so that no file of ours is rejected elsewhere. */
export const maxHeaderBytes = 100_000_000;

/** The largest published models have about 92,000 tensors, over more than a hundred files. */
export const maxTensors = 100_000;

/** The deepest weight in use is a 3-D convolution of rank 5. */
export const maxRank = 8;

/** PEFT's longest names are near 150 characters. */
export const maxNameLength = 1024;

/** Whether a name found in a file is a dtype that Anneal reads. */
export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(bytesByDtype, name);
}

/** Bytes of a tensor, or undefined when a product exceeds the exact integers (2^53). */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | undefined {
  let size: number = bytesByDtype[dtype];
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) {
      return undefined;
    }
  }
  return size;
}
