// Reads the header's entry of a GGUF tensor and finds the offset of its data.
// Source: ggml-org/llama.cpp ggml/src/gguf.cpp (gguf_init_from_reader); the rules are the same.
import type { Cursor } from "./cursor.ts";
import { UserError } from "../../util/errors.ts";
import { badHeader, quoted } from "./fault.ts";
import { firstUnknownType, tensorTypeOf, type TensorType } from "./tensor-types.ts";

export interface GgufTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Dimensions in the order of the file: the first is the length of a row. */
  readonly ne: readonly number[];
  /** Bytes of one row. */
  readonly rowBytes: number;
  readonly sizeBytes: number;
  /** First byte, counted from the start of the file. */
  readonly begin: number;
}

/** A tensor before the offset of the data is known. */
export interface TensorEntry extends Omit<GgufTensor, "begin"> {
  /** Offset from the start of the data. */
  readonly offset: bigint;
}

/** 64 by the format; ggml can be built for 127, and stable-diffusion.cpp is. */
const maxNameBytes = 127;
const maxDimensions = 4;

/** @throws UserError "bad-header" */
export function readTensorEntry(cursor: Cursor, index: number, fileName: string): TensorEntry {
  cursor.where = `${fileName}, tensor ${index + 1}`;
  const name = cursor.string("name", maxNameBytes);
  if (name === "") {
    throw badHeader("Its name is empty.", cursor.where);
  }
  cursor.where = `${fileName}, tensor ${quoted(name)}`;
  const { where } = cursor;
  const dimensions = cursor.u32();
  if (dimensions > maxDimensions) {
    throw badHeader(`It has ${dimensions} dimensions; the limit is ${maxDimensions}.`, where);
  }
  const ne = Array.from({ length: dimensions }, () => readDimension(cursor));
  const id = cursor.u32();
  const type = tensorTypeOf(id);
  if (type === undefined) {
    throw unknownType(id, where);
  }
  return { name, type, ne, ...measure(ne, type, where), offset: cursor.u64() };
}

/** Ids in this range may belong to a later ggml; larger ones are those of a broken file. */
const newTypes = 64;

function unknownType(id: number, where: string): UserError {
  if (id < firstUnknownType || id >= firstUnknownType + newTypes) {
    return badHeader(`Its type is ${id}, which ggml does not know, or no longer.`, where);
  }
  return new UserError("wrong-dtype", `Its type is ${id}, which is newer than this page.`, {
    where,
    remedy: "Choose a file of the model in another quantisation, such as Q8_0 or Q4_K_M.",
  });
}

/**
 * Finds each tensor's offset: the data has the order of the header, without holes except for the
 * alignment.
 * @param dataStart first byte of the data
 * @throws UserError "bad-header"
 */
export function placeTensors(
  entries: readonly TensorEntry[],
  dataStart: number,
  alignment: number,
  sizeBytes: number,
  fileName: string,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  let next = 0;
  for (const { offset, ...tensor } of entries) {
    const where = `${fileName}, tensor ${quoted(tensor.name)}`;
    if (tensors.has(tensor.name)) {
      throw badHeader("A tensor of this name appears twice.", where);
    }
    if (offset !== BigInt(next)) {
      const fault = offset < BigInt(next) ? "it overlaps the one before" : "there is a hole";
      throw badHeader(`It begins at ${offset.toString()} instead of ${next}: ${fault}.`, where);
    }
    const begin = dataStart + next;
    if (begin + tensor.sizeBytes > sizeBytes) {
      throw badHeader(
        `The file is cut off: it ends at byte ${sizeBytes}, this tensor at ${begin + tensor.sizeBytes}.`,
        where,
      );
    }
    tensors.set(tensor.name, { ...tensor, begin });
    next = alignUp(next + tensor.sizeBytes, alignment);
  }
  return tensors;
}

/** Rounds up to a multiple of a power of two; exact beyond 2^31. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

function readDimension(cursor: Cursor): number {
  const size = cursor.count("values in a dimension", Number.MAX_SAFE_INTEGER);
  if (size === 0) {
    throw badHeader("One of its dimensions is 0.", cursor.where);
  }
  return size;
}

function measure(
  ne: readonly number[],
  { name, blockSize, blockBytes }: TensorType,
  where: string,
): Pick<TensorEntry, "rowBytes" | "sizeBytes"> {
  const [columns = 1, ...others] = ne;
  if (columns % blockSize !== 0) {
    throw badHeader(
      `Its rows have ${columns} values, but ${name} comes in blocks of ${blockSize}.`,
      where,
    );
  }
  const rowBytes = (columns / blockSize) * blockBytes;
  const sizeBytes = others.reduce((product, size) => product * size, rowBytes);
  if (!Number.isSafeInteger(sizeBytes)) {
    throw badHeader(`${name} [${ne.join(", ")}] needs more than 2^53 bytes.`, where);
  }
  return { rowBytes, sizeBytes };
}
