// Reads weights that MLX quantised in affine groups: `X.weight` (codes), `X.scales` and `X.biases`.
// They are kept exactly. Source: ml-explore/mlx 0.32.4, python/src/ops.cpp (quantize),
// mlx/backend/cpu/quantized.cpp.
//
// The codes of a row are one stream of bits, lowest first, in u32 words. A group along the row
// shares a scale and a bias: value = scale * code + bias. mx.dequantize rounds the product and then
// the sum to the type of the scales; here both are f32, so values with f16 and bf16 scales are more
// precise than in MLX.
import { UserError } from "../../util/errors.ts";
import type { StoredTensor } from "../folder/shards.ts";
import type { SourceTensor } from "../source-tensor.ts";
import { decodeAffine, type AffineBits } from "../weight-format/affine.ts";
import type { WeightPart } from "../weight-format/encode.ts";
import { requireFinite } from "../weight-format/finite.ts";
import type { ScaleType, WeightShape } from "../weight-format/format.ts";
import { rowPieces } from "../weights/pieces.ts";
import type { AffineScheme } from "./scheme.ts";
import { widenCodes } from "./widen-codes.ts";

export interface AffineTensors {
  weight: StoredTensor;
  scales: StoredTensor | undefined;
  biases: StoredTensor | undefined;
}

const scaleTypes: Partial<Record<StoredTensor["dtype"], ScaleType>> = {
  F16: "f16",
  BF16: "bf16",
  F32: "f32",
};

interface Layout {
  scheme: AffineScheme;
  /** Bits of a code as kept: 1, 2 and 3 become 4; 5 and 6 become 8. */
  keptBits: AffineBits;
  scaleType: ScaleType;
  rows: number;
  cols: number;
}

/**
 * Codes of 1 to 4 bits are kept as q4, of 5, 6 and 8 as q8; scales are unchanged.
 * @param scheme of this module
 * @throws UserError "missing-tensor", "wrong-dtype" or "wrong-shape", naming file and tensor
 */
export function mlxTensor(tensors: AffineTensors, scheme: AffineScheme): SourceTensor {
  const { weight } = tensors;
  const scales = present(tensors.scales, "scales", weight);
  const biases = present(tensors.biases, "biases", weight);
  const layout = layoutOf(weight, scales, biases, scheme);
  const { rows, cols, keptBits, scaleType } = layout;
  const { bits, groupSize } = scheme;
  const rowsOf = (first: number, end: number, signal: AbortSignal) =>
    readRows({ weight, scales, biases }, layout, first, end, signal);
  const kept: WeightShape = {
    format: keptBits === 4 ? "q4" : "q8",
    rows,
    cols,
    groupSize,
    scaleType: scaleType === "f16" ? undefined : scaleType,
  };
  return {
    name: weight.name,
    shape: [rows, cols],
    dtype: `affine ${bits}-bit / ${groupSize}`,
    sizeBytes: weight.sizeBytes + scales.sizeBytes + biases.sizeBytes,
    kept,
    isExact: true,
    async values(first, end, signal) {
      const packed = await rowsOf(first, end, signal);
      return decodeAffine(packed.weight, packed.scales, keptBits, groupSize, scaleType);
    },
    async *packed(signal): AsyncGenerator<WeightPart> {
      const groupBytes = scaleType === "f32" ? 8 : 4;
      for (const [first, end] of rowPieces(rows, cols)) {
        const packed = await rowsOf(first, end, signal);
        const begin = first * cols;
        yield { binding: "weight", offsetBytes: (begin * keptBits) / 8, values: packed.weight };
        const offsetBytes = (begin / groupSize) * groupBytes;
        yield { binding: "scales", offsetBytes, values: packed.scales };
      }
    },
  };
}

function layoutOf(
  weight: StoredTensor,
  scales: StoredTensor,
  biases: StoredTensor,
  scheme: AffineScheme,
): Layout {
  const scaleType = scaleTypes[scales.dtype];
  if (weight.dtype !== "U32") {
    throw fault("wrong-dtype", `It is ${weight.dtype}; codes must be U32.`, weight);
  }
  if (scaleType === undefined || biases.dtype !== scales.dtype) {
    const found = `Its scales are ${scales.dtype} and its biases ${biases.dtype}`;
    throw fault("wrong-dtype", `${found}; both must be F16, BF16 or F32.`, weight);
  }
  const [rows = 0, words = 0] = weight.shape;
  const groups = scales.shape.at(-1) ?? 0;
  const { bits, groupSize } = scheme;
  const cols = groups * groupSize;
  const isWhole =
    weight.shape.length === 2 &&
    rows > 0 &&
    groups > 0 &&
    String(scales.shape) === String([rows, groups]) &&
    String(biases.shape) === String(scales.shape) &&
    words * 32 === cols * bits;
  if (!isWhole) {
    const shapes = [weight, scales, biases].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
    const said = `${bits} bits in groups of ${groupSize}`;
    throw fault("wrong-shape", `Codes, scales and biases are ${shapes}, not ${said}.`, weight);
  }
  return { scheme, keptBits: bits <= 4 ? 4 : 8, scaleType, rows, cols };
}

/** Rows in the layout of the device. */
async function readRows(
  { weight, scales, biases }: Required<{ [Part in keyof AffineTensors]: StoredTensor }>,
  { scheme, keptBits, scaleType, cols }: Layout,
  first: number,
  end: number,
  signal: AbortSignal,
): Promise<{ weight: Uint32Array<ArrayBuffer>; scales: Uint32Array<ArrayBuffer> }> {
  const codeBytes = (cols * scheme.bits) / 8;
  const scaleBytes = (cols / scheme.groupSize) * (scaleType === "f32" ? 4 : 2);
  const [codes, scale, bias] = await Promise.all([
    weight.read(first * codeBytes, end * codeBytes, signal),
    scales.read(first * scaleBytes, end * scaleBytes, signal),
    biases.read(first * scaleBytes, end * scaleBytes, signal),
  ]);
  const groups = cols / scheme.groupSize;
  const groupAt = (index: number) =>
    `Row ${first + Math.floor(index / groups)}, group ${index % groups}`;
  const patterns = ({ buffer }: Uint8Array<ArrayBuffer>) =>
    scaleType === "f32" ? new Uint32Array(buffer) : new Uint16Array(buffer);
  requireFinite(patterns(scale), scaleType, scales.where, groupAt);
  requireFinite(patterns(bias), scaleType, biases.where, groupAt);
  return {
    weight: widenCodes(new Uint32Array(codes.buffer), scheme.bits, keptBits),
    scales: interleaved(patterns(scale), patterns(bias)),
  };
}

/** Scale and bias of each group, interleaved. */
function interleaved<Patterns extends Uint16Array | Uint32Array>(
  scales: Patterns,
  biases: Patterns,
): Uint32Array<ArrayBuffer> {
  const pairs =
    scales instanceof Uint32Array
      ? new Uint32Array(scales.length * 2)
      : new Uint16Array(scales.length * 2);
  for (let i = 0; i < scales.length; i++) {
    pairs[2 * i] = scales[i] ?? 0;
    pairs[2 * i + 1] = biases[i] ?? 0;
  }
  return new Uint32Array(pairs.buffer);
}

function present(
  tensor: StoredTensor | undefined,
  part: string,
  weight: StoredTensor,
): StoredTensor {
  if (tensor === undefined) {
    throw fault("missing-tensor", `It is quantised, but its ${part} are missing.`, weight);
  }
  return tensor;
}

function fault(
  code: "missing-tensor" | "wrong-dtype" | "wrong-shape",
  message: string,
  { where }: StoredTensor,
): UserError {
  return new UserError(code, message, {
    where,
    remedy: "Choose all files of the model again; config.json must belong to the weights.",
  });
}
