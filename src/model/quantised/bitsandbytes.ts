// Reads weights that bitsandbytes quantised to 4 bits (nf4 or fp4).
//
// The matrix is flattened row by row into blocks of 64 (or another size), which may cross rows.
//   X.weight                   two codes per byte, the first in the HIGH half
//   X.weight.quant_map         the 16 values of a code
//   X.weight.absmax            one maximum per block: f32, or a byte with double quantisation
//   X.weight.nested_quant_map  the 256 values of such a byte
//   X.weight.nested_absmax     one f32 per 256 blocks
//   X.weight.quant_state.*     JSON with block size, shape and nested_offset
// value = quant_map[code] * absmax, where a double-quantised absmax is
// nested_quant_map[byte] * nested_absmax + nested_offset.
//
// Double-quantised blocks of 64 are kept exactly, as weight format nf4, whose tables can hold fp4's
// 16 values too; only the halves of each byte are exchanged. Other kinds are dequantised to f16.
// Source: bitsandbytes 0.50.2, functional.py (quantize_4bit, QuantState), backends/default/ops.py.
import { UserError } from "../../util/errors.ts";
import type { StoredTensor } from "../folder/shards.ts";
import type { SourceTensor } from "../source-tensor.ts";
import type { WeightPart } from "../weight-format/encode.ts";
import { requireFinite } from "../weight-format/finite.ts";
import { formatFor, nf4NestedBlock, nf4Tables } from "../weight-format/format.ts";
import { pieceElements } from "../weights/pieces.ts";
import { matrixOf } from "../weights/store.ts";
import { maxStateBytes, parseState, type ExpectedState } from "./bitsandbytes-state.ts";

/** The tensors of a weight by the suffix of their names; the codes have the suffix "". */
export type WeightParts = ReadonlyMap<string, StoredTensor>;

/** Block sizes of bitsandbytes; the default is 64, or 128 on AMD. */
const blockSizes = [64, 128, 256, 512, 1024, 2048, 4096, 32];

/** Dtypes in which codes are stored; the bytes are the same in each. */
const codeDtypes = ["U8", "BF16", "F16", "F32"];

/** The small tensors of a weight. */
interface Tables {
  /** The 16 values of a code. */
  values: Float32Array<ArrayBuffer>;
  /** For double quantisation, else null. */
  nested: {
    map: Float32Array<ArrayBuffer>;
    absmax: Float32Array<ArrayBuffer>;
    offset: number;
  } | null;
}

interface Layout extends ExpectedState {
  codes: StoredTensor;
  absmax: StoredTensor;
  state: StoredTensor;
  elements: number;
}

/**
 * @param parts the result of `partsOf`
 * @param shape of the matrix, from config.json; the quant_state must agree, which is checked when
 * it is read
 * @throws UserError "missing-tensor", "wrong-dtype", "wrong-shape", naming file and tensor
 */
export function bitsandbytesTensor(
  name: string,
  parts: WeightParts,
  shape: readonly number[],
): SourceTensor {
  const layout = layoutOf(name, parts, shape);
  const { quantType, blockSize, isNested } = layout;
  const { rows, cols } = matrixOf(shape);
  let known: Tables | undefined;
  const tablesOf = async (signal: AbortSignal) =>
    (known ??= await readTables(name, parts, layout, signal));
  const isKept = isNested && blockSize === 64 && formatFor("nf4", rows, cols) === "nf4";
  const tensor: SourceTensor = {
    name,
    shape,
    dtype: isNested && blockSize === 64 ? quantType : `${quantType} / ${blockSize}`,
    sizeBytes: [...parts.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    kept: { format: isKept ? "nf4" : formatFor("f16", rows, cols), rows, cols },
    isExact: isKept,
    values: async (first, end, signal) =>
      await readValues(layout, await tablesOf(signal), first * cols, end * cols, signal),
  };
  return isKept ? { ...tensor, packed: (signal) => packedParts(layout, tablesOf, signal) } : tensor;
}

/** The tensors that belong to a weight. */
export function partsOf(name: string, tensors: ReadonlyMap<string, StoredTensor>): WeightParts {
  const suffixes = [
    "",
    "absmax",
    "quant_map",
    "nested_absmax",
    "nested_quant_map",
    "quant_state.bitsandbytes__nf4",
    "quant_state.bitsandbytes__fp4",
  ];
  return new Map(
    suffixes.flatMap((suffix) => {
      const tensor = tensors.get(suffix === "" ? name : `${name}.${suffix}`);
      return tensor === undefined ? [] : [[suffix, tensor]];
    }),
  );
}

/** The layout according to the header. */
function layoutOf(name: string, parts: WeightParts, shape: readonly number[]): Layout {
  const codes = partOf(name, parts, "");
  const absmax = partOf(name, parts, "absmax");
  const quantType = parts.has("quant_state.bitsandbytes__fp4") ? "fp4" : "nf4";
  const state = partOf(name, parts, `quant_state.bitsandbytes__${quantType}`);
  const elements = shape.reduce((product, size) => product * size, 1);
  if (!codeDtypes.includes(codes.dtype) || codes.sizeBytes !== Math.ceil(elements / 2)) {
    throw fault(
      "wrong-shape",
      `It is ${codes.dtype} of ${codes.sizeBytes} bytes; [${shape.join(", ")}] in 4 bits needs ${Math.ceil(elements / 2)}.`,
      codes,
    );
  }
  const isNested = absmax.dtype === "U8";
  if (!isNested && absmax.dtype !== "F32") {
    throw fault("wrong-dtype", `It is ${absmax.dtype}; absolute maxima must be U8 or F32.`, absmax);
  }
  const blocks = absmax.sizeBytes / (isNested ? 1 : 4);
  const blockSize = blockSizes.find((size) => Math.ceil(elements / size) === blocks);
  if (blockSize === undefined) {
    throw fault(
      "wrong-shape",
      `${blocks} maxima match no block size for [${shape.join(", ")}].`,
      absmax,
    );
  }
  requireF32(partOf(name, parts, "quant_map"), 16);
  if (isNested) {
    requireF32(partOf(name, parts, "nested_quant_map"), 256);
    requireF32(partOf(name, parts, "nested_absmax"), Math.ceil(blocks / nf4NestedBlock));
  }
  return { codes, absmax, state, quantType, blockSize, shape, isNested, elements };
}

async function readTables(
  name: string,
  parts: WeightParts,
  layout: Layout,
  signal: AbortSignal,
): Promise<Tables> {
  const floats = async (suffix: string) => {
    const part = partOf(name, parts, suffix);
    const { buffer } = await part.read(0, part.sizeBytes, signal);
    requireFinite(new Uint32Array(buffer), "f32", part.where, (index) => `Number ${index}`);
    return new Float32Array(buffer);
  };
  const { state, isNested } = layout;
  if (state.sizeBytes > maxStateBytes) {
    const message = `It has ${state.sizeBytes} bytes; the limit is ${maxStateBytes}.`;
    throw fault("wrong-shape", message, state);
  }
  const offset = parseState(await state.read(0, state.sizeBytes, signal), layout, state.where);
  return {
    values: await floats("quant_map"),
    nested: isNested
      ? { map: await floats("nested_quant_map"), absmax: await floats("nested_absmax"), offset }
      : null,
  };
}

/** Elements `begin` to `end` of the flattened matrix, product and sums rounded to f32. */
async function readValues(
  layout: Layout,
  tables: Tables,
  begin: number,
  end: number,
  signal: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  const firstByte = Math.floor(begin / 2);
  const codes = await layout.codes.read(firstByte, Math.ceil(end / 2), signal);
  const { blockSize } = layout;
  const firstBlock = Math.floor(begin / blockSize);
  const absmax = await readAbsmax(layout, tables, firstBlock, Math.ceil(end / blockSize), signal);
  const values = new Float32Array(end - begin);
  for (let at = begin; at < end; at++) {
    const byte = codes[(at >>> 1) - firstByte] ?? 0;
    const code = at % 2 === 0 ? byte >>> 4 : byte & 15;
    const largest = absmax[Math.floor(at / blockSize) - firstBlock] ?? 0;
    values[at - begin] = (tables.values[code] ?? 0) * largest;
  }
  return values;
}

async function readAbsmax(
  { absmax }: Layout,
  { nested }: Tables,
  first: number,
  end: number,
  signal: AbortSignal,
): Promise<Float32Array<ArrayBuffer>> {
  if (nested === null) {
    const { buffer } = await absmax.read(first * 4, end * 4, signal);
    requireFinite(
      new Uint32Array(buffer),
      "f32",
      absmax.where,
      (index) => `Block ${first + index}`,
    );
    return new Float32Array(buffer);
  }
  const bytes = await absmax.read(first, end, signal);
  const largest = new Float32Array(bytes.length);
  for (let i = 0; i < largest.length; i++) {
    const above = nested.absmax[Math.floor((first + i) / nf4NestedBlock)] ?? 0;
    largest[i] = Math.fround((nested.map[bytes[i] ?? 0] ?? 0) * above) + nested.offset;
  }
  return largest;
}

/** The codes with the halves of each byte exchanged, the bytes of the maxima, and one table. */
async function* packedParts(
  { codes, absmax, elements, blockSize }: Layout,
  tablesOf: (signal: AbortSignal) => Promise<Tables>,
  signal: AbortSignal,
): AsyncGenerator<WeightPart> {
  const { values, nested } = await tablesOf(signal);
  if (nested === null) {
    throw new Error("Only double-quantised weights are packed.");
  }
  const tables = new Float32Array(nf4Tables.nested + nested.absmax.length);
  tables.set(values, nf4Tables.values);
  tables.set(nested.map, nf4Tables.map);
  tables[nf4Tables.offset] = nested.offset;
  tables.set(nested.absmax, nf4Tables.nested);
  yield { binding: "tables", offsetBytes: 0, values: tables };
  for (let begin = 0; begin < elements; begin += pieceElements) {
    const end = Math.min(begin + pieceElements, elements);
    const { buffer } = await codes.read(begin / 2, end / 2, signal);
    yield { binding: "weight", offsetBytes: begin / 2, values: swapped(new Uint32Array(buffer)) };
    const maxima = await absmax.read(begin / blockSize, end / blockSize, signal);
    const padded = new Uint8Array(Math.ceil(maxima.length / 4) * 4);
    padded.set(maxima);
    const scales = new Uint32Array(padded.buffer);
    yield { binding: "scales", offsetBytes: begin / blockSize, values: scales };
  }
}

/** Exchanges the halves of every byte. */
function swapped(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    words[i] = ((word & 0x0f0f0f0f) << 4) | ((word >>> 4) & 0x0f0f0f0f);
  }
  return words;
}

function partOf(name: string, parts: WeightParts, suffix: string): StoredTensor {
  const part = parts.get(suffix);
  if (part === undefined) {
    throw new UserError("missing-tensor", `It is quantised, but ${name}.${suffix} is missing.`, {
      where: parts.get("")?.where ?? name,
      remedy: "Choose all .safetensors files of the model; they must belong together.",
    });
  }
  return part;
}

function requireF32(tensor: StoredTensor, count: number): void {
  if (tensor.dtype !== "F32" || tensor.sizeBytes !== count * 4) {
    const found = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    throw fault("wrong-shape", `It is ${found}, but must be F32 [${count}].`, tensor);
  }
}

function fault(
  code: "wrong-dtype" | "wrong-shape",
  message: string,
  { where }: StoredTensor,
): UserError {
  return new UserError(code, message, {
    where,
    remedy: "Download the file again; config.json must belong to these weights.",
  });
}
