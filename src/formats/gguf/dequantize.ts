// Dequantises blocks of a GGUF tensor, bit-equal to gguf-py's `quants.dequantize`, and to ggml's
// dequantize_row_q2_0 for the type that gguf-py 0.19 does not have.
import { bf16ToF32, f16ToF32 } from "../../util/bytes.ts";
import { q2kBlock, q3kBlock, q4kBlock, q5kBlock, q6kBlock } from "./k-blocks.ts";
import {
  iq4NonLinearBlock,
  q2Block0,
  q4Block0,
  q4Block1,
  q5Block0,
  q5Block1,
  q8Block,
  type BlockDecoder,
} from "./small-blocks.ts";
import type { TensorType } from "./tensor-types.ts";

type Decoder = (bytes: Uint8Array<ArrayBuffer>, type: TensorType) => Float32Array<ArrayBuffer>;

const decoders = {
  F32: ({ buffer }) => new Float32Array(buffer),
  F16: ({ buffer }) => f16ToF32(new Uint16Array(buffer)),
  BF16: ({ buffer }) => bf16ToF32(new Uint16Array(buffer)),
  Q4_0: inBlocks(q4Block0),
  Q4_1: inBlocks(q4Block1),
  Q5_0: inBlocks(q5Block0),
  Q5_1: inBlocks(q5Block1),
  Q8_0: inBlocks(q8Block),
  Q2_K: inBlocks(q2kBlock),
  Q3_K: inBlocks(q3kBlock),
  Q4_K: inBlocks(q4kBlock),
  Q5_K: inBlocks(q5kBlock),
  Q6_K: inBlocks(q6kBlock),
  IQ4_NL: inBlocks(iq4NonLinearBlock),
  Q2_0: inBlocks(q2Block0),
} as const satisfies Record<string, Decoder>;

export type DecodableType = keyof typeof decoders;

export const decodableTypes = Object.keys(decoders) as readonly DecodableType[];

/** The name of a type that can be decoded, else undefined. */
export function decodableName({ name }: TensorType): DecodableType | undefined {
  return decodableTypes.find((candidate) => candidate === name);
}

/** @param bytes whole blocks, in a separate buffer */
export function dequantize(
  name: DecodableType,
  type: TensorType,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  return decoders[name](bytes, type);
}

function inBlocks(decode: BlockDecoder): Decoder {
  return (bytes, { blockSize, blockBytes }) => {
    const values = new Float32Array((bytes.length / blockBytes) * blockSize);
    decode(bytes, values);
    return values;
  };
}
