// Reads safetensors: the header at once, a tensor or a part of it on demand, never the whole file.
// Source: huggingface/safetensors 24b0b28, safetensors/src/tensor.rs (read_metadata).
import { invariant } from "../util/assert.ts";
import { bf16ToF32, f16ToF32 } from "../util/bytes.ts";
import { UserError } from "../util/errors.ts";
import { shortJson } from "../util/short-json.ts";
import type { ByteSource } from "./byte-source.ts";
import { foreignKind } from "./foreign-kind.ts";
import { parseSafetensorsHeader } from "./safetensors-header.ts";
import { lengthBytes, maxHeaderBytes, type Dtype, type TensorInfo } from "./safetensors-layout.ts";

/** Long enough to recognise a saved web page after leading white space. */
const openingBytes = 512;

const toFloat32By: Partial<Record<Dtype, (data: ArrayBuffer) => Float32Array<ArrayBuffer>>> = {
  F32: (data) => new Float32Array(data),
  F16: (data) => f16ToF32(new Uint16Array(data)),
  BF16: (data) => bf16ToF32(new Uint16Array(data)),
};

/** An open file; it keeps its source and no tensor in memory. */
export interface SafetensorsFile {
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__`, empty when the file has none. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * The bytes of a tensor, little-endian and row-major, in a separate buffer.
   * @throws UserError "missing-tensor", "unreadable-file"; the signal's AbortError
   */
  readBytes(name: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes `begin` to `end` of a tensor, counted from its first. */
  readRange(
    name: string,
    begin: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * A tensor of F32, F16 or BF16 as f32.
   * @throws UserError "wrong-dtype" for any other, "missing-tensor", "unreadable-file"; the
   * signal's AbortError
   */
  readFloat32(name: string, signal?: AbortSignal): Promise<Float32Array<ArrayBuffer>>;
}

/**
 * Reads and checks the header.
 * @throws UserError "not-safetensors" when the file is something else, "bad-header" when a rule of
 *   the format is broken, "unreadable-file" when the browser cannot read it
 */
export async function openSafetensors(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<SafetensorsFile> {
  const { name: fileName, sizeBytes } = source;
  const headerBytes = await readHeaderLength(source, signal);
  const dataStart = lengthBytes + headerBytes;
  const header = parseSafetensorsHeader(
    await source.read(lengthBytes, dataStart, signal),
    sizeBytes - dataStart,
    fileName,
  );

  async function readRange(name: string, from: number, to: number, signal?: AbortSignal) {
    const { begin, end } = findTensor(header.tensors, name, fileName);
    invariant(0 <= from && from <= to && to <= end - begin, `${name}: bytes ${from} to ${to}`);
    return await source.read(dataStart + begin + from, dataStart + begin + to, signal);
  }

  async function readBytes(name: string, signal?: AbortSignal) {
    const { begin, end } = findTensor(header.tensors, name, fileName);
    return await readRange(name, 0, end - begin, signal);
  }

  async function readFloat32(name: string, signal?: AbortSignal) {
    const { dtype } = findTensor(header.tensors, name, fileName);
    const toFloat32 = toFloat32By[dtype];
    if (toFloat32 === undefined) {
      throw new UserError("wrong-dtype", `It is ${dtype}, but must be F32, F16 or BF16.`, {
        where: `${fileName}, tensor ${shortJson(name)}`,
        remedy: "Choose a copy of the model in F32, F16 or BF16.",
      });
    }
    return toFloat32((await readBytes(name, signal)).buffer);
  }

  return { ...header, readBytes, readRange, readFloat32 };
}

/** The u64 before the header, compared as a BigInt before it becomes a number. */
async function readHeaderLength(source: ByteSource, signal?: AbortSignal): Promise<number> {
  const { name: fileName, sizeBytes } = source;
  const opening = await source.read(0, Math.min(sizeBytes, openingBytes), signal);
  if (opening.length < lengthBytes) {
    throw notSafetensors(opening, `It has ${sizeBytes} bytes, too few for a header.`, fileName);
  }
  const length = new DataView(opening.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw notSafetensors(
      opening,
      `It announces a header of ${length.toString()} bytes; the limit is ${maxHeaderBytes}.`,
      fileName,
    );
  }
  if (length > BigInt(sizeBytes - lengthBytes)) {
    throw notSafetensors(
      opening,
      `It announces a header of ${length.toString()} bytes, but ${sizeBytes - lengthBytes} follow.`,
      fileName,
    );
  }
  return Number(length);
}

function findTensor(
  tensors: ReadonlyMap<string, TensorInfo>,
  name: string,
  fileName: string,
): TensorInfo {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new UserError(
      "missing-tensor",
      `The file has no tensor ${shortJson(name)} among its ${tensors.size}.`,
      { where: fileName, remedy: "Check that this file belongs to the chosen model." },
    );
  }
  return tensor;
}

function notSafetensors(opening: Uint8Array, reason: string, fileName: string): UserError {
  const kind = foreignKind(opening);
  return kind === undefined
    ? new UserError("not-safetensors", `This is not a safetensors file. ${reason}`, {
        where: fileName,
        remedy: "Choose a .safetensors file, or download this one again.",
      })
    : new UserError("not-safetensors", `This is ${kind.what}, not a safetensors file.`, {
        where: fileName,
        remedy: kind.remedy,
      });
}
