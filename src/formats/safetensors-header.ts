// Parses and checks the header of a safetensors file, a JSON object after a u64 with its length.
import { UserError } from "../util/errors.ts";
import { shortJson } from "../util/short-json.ts";
import {
  dtypes,
  isDtype,
  maxNameLength,
  maxRank,
  maxTensors,
  tensorBytes,
  type TensorInfo,
} from "./safetensors-layout.ts";
import {
  parseStrictObject,
  StrictJsonError,
  type StrictJson,
  type StrictObject,
} from "./strict-json.ts";

/** A checked header. */
export interface SafetensorsHeader {
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

const metadataKey = "__metadata__";
const entryFields = ["dtype", "shape", "data_offsets"];
const downloadAgain = "Download the file again. If that does not help, ask its author.";

/**
 * Parses and checks a header.
 *
 *   { "__metadata__": { "format": "pt" },
 *     "wte": { "dtype": "F16", "shape": [4, 8], "data_offsets": [0, 64] } }
 *
 * The rules are those of the Rust reader (safetensors-layout.ts), so that no file is accepted here
 * and rejected elsewhere: tensors cover the data without a hole, an overlap or a trailing byte. Two
 * rules are stricter. Duplicate keys are rejected, because parsers disagree on which one counts;
 * unknown fields too, because a reader that ignores them may misread the tensor. Limits on the
 * header, its tensors, ranks and names (safetensors-layout.ts) bound the memory that a malformed
 * file can claim before any of its data is read.
 * @param bytes the header, without its length
 * @param dataBytes number of bytes after the header in the file
 * @throws UserError "bad-header" at the first fault, with file and tensor
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  dataBytes: number,
  fileName: string,
): SafetensorsHeader {
  const root = parseRoot(bytes, fileName);
  const metadata = parseMetadata(root.get(metadataKey), fileName);
  root.delete(metadataKey);
  if (root.size > maxTensors) {
    throw badHeader(`The header lists ${root.size} tensors; the limit is ${maxTensors}.`, fileName);
  }
  const tensors = Array.from(root, ([name, entry]) => parseTensor(name, entry, fileName));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(tensors, dataBytes, fileName);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

function parseRoot(bytes: Uint8Array, fileName: string): StrictObject {
  const text = decodeUtf8(bytes, fileName);
  try {
    return parseStrictObject(text, "whole or null");
  } catch (error) {
    if (error instanceof StrictJsonError) {
      throw badHeader(`The header is broken: ${error.message}.`, fileName);
    }
    throw error;
  }
}

function decodeUtf8(bytes: Uint8Array, fileName: string): string {
  try {
    // A byte order mark is kept, so that it is rejected as in the Rust reader.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badHeader("The header is not UTF-8 text.", fileName);
  }
}

function parseMetadata(value: StrictJson | undefined, fileName: string): Map<string, string> {
  const where = `${fileName}, ${metadataKey}`;
  // MLX 0.32.4 writes null where there is no metadata; the Rust reader takes it for none.
  if (value === undefined || value === null) {
    return new Map();
  }
  if (!(value instanceof Map)) {
    throw badHeader("It is not an object of strings.", where);
  }
  return new Map(
    Array.from(value, ([key, text]) => {
      if (typeof text !== "string") {
        throw badHeader(`The value of ${shortJson(key)} is not a string.`, where);
      }
      return [key, text];
    }),
  );
}

function parseTensor(name: string, entry: StrictJson, fileName: string): TensorInfo {
  const where = `${fileName}, tensor ${shortJson(name.slice(0, maxNameLength))}`;
  if (name.length > maxNameLength) {
    throw badHeader(
      `Its name has ${name.length} characters; the limit is ${maxNameLength}.`,
      where,
    );
  }
  if (!(entry instanceof Map)) {
    throw badHeader("Its entry is not an object.", where);
  }
  checkFields(entry, where);
  const dtype = parseDtype(entry.get("dtype"), where);
  const shape = parseNumbers(entry.get("shape"), "shape", where);
  if (shape.length > maxRank) {
    throw badHeader(`Its shape has ${shape.length} dimensions; the limit is ${maxRank}.`, where);
  }
  const [begin, end, ...rest] = parseNumbers(entry.get("data_offsets"), "data_offsets", where);
  if (begin === undefined || end === undefined || rest.length > 0) {
    throw badHeader("Its data_offsets are not two numbers.", where);
  }
  const needed = tensorBytes(dtype, shape);
  if (needed !== end - begin) {
    const size = needed === undefined ? "more than 2^53 bytes" : `${needed} bytes`;
    throw badHeader(
      `${dtype} [${shape.join(", ")}] needs ${size}, but its data_offsets span ${end - begin}.`,
      where,
    );
  }
  return { name, dtype, shape, begin, end };
}

function checkFields(entry: StrictObject, where: string): void {
  const missing = entryFields.filter((field) => !entry.has(field));
  if (missing.length > 0) {
    throw badHeader(`Its entry lacks ${missing.join(", ")}.`, where);
  }
  const unknown = [...entry.keys()].find((field) => !entryFields.includes(field));
  if (unknown !== undefined) {
    throw badHeader(`Its entry has the unknown field ${shortJson(unknown)}.`, where);
  }
}

function parseDtype(value: StrictJson | undefined, where: string): TensorInfo["dtype"] {
  if (typeof value !== "string" || !isDtype(value)) {
    const found = typeof value === "string" ? JSON.stringify(value) : "not a string";
    throw new UserError("bad-header", `Its dtype is ${found}; known are ${dtypes.join(", ")}.`, {
      where,
      remedy: "Choose a copy of the model in F32, F16 or BF16.",
    });
  }
  return value;
}

function parseNumbers(value: StrictJson | undefined, field: string, where: string): number[] {
  if (!Array.isArray(value)) {
    throw badHeader(`Its ${field} is not a list of whole numbers.`, where);
  }
  return value.map((item) => {
    if (typeof item !== "number") {
      throw badHeader(`Its ${field} is not a list of whole numbers.`, where);
    }
    return item;
  });
}

/** Requires that every byte after the header belongs to exactly one tensor: nothing is hidden. */
function checkCoverage(tensors: readonly TensorInfo[], dataBytes: number, fileName: string): void {
  let covered = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== covered) {
      throw badHeader(
        `It begins at byte ${begin}, but the tensors before it end at ${covered}: ` +
          (begin < covered ? "they overlap." : "there is a hole."),
        `${fileName}, tensor ${shortJson(name)}`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw badHeader(
      covered > dataBytes
        ? `The file is cut off: its tensors need ${covered} bytes, but it has ${dataBytes}.`
        : `The tensors end at byte ${covered}, but the data continues to byte ${dataBytes}.`,
      fileName,
    );
  }
}

function badHeader(message: string, where: string): UserError {
  return new UserError("bad-header", message, { where, remedy: downloadAgain });
}
