// Parses `X.weight.quant_state.bitsandbytes__nf4`: JSON bytes in which bitsandbytes describes how a
// weight is quantised. Source: bitsandbytes 0.50.2, functional.py (QuantState.as_dict, from_dict).
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

/** Real files have about 170 bytes. */
export const maxStateBytes = 4096;

/** The state according to the other tensors; the JSON must agree. */
export interface ExpectedState {
  quantType: "nf4" | "fp4";
  blockSize: number;
  shape: readonly number[];
  isNested: boolean;
}

/** Absolute maxima per nested block; bitsandbytes always uses this size. */
export const nestedBlock = 256;

/**
 * @returns the offset of double quantisation, 0 without it
 * @throws UserError "bad-header" for invalid JSON, or JSON that contradicts the tensors
 */
export function parseState(bytes: Uint8Array, expected: ExpectedState, where: string): number {
  const { quantType, blockSize, shape, isNested } = expected;
  const fields = parseObject(bytes, where);
  const must = (key: string, value: unknown) => {
    const found = shortJson(fields[key]);
    if (found !== shortJson(value)) {
      throw badState(`Its ${key} is ${found}, but the tensors say ${shortJson(value)}.`, where);
    }
  };
  must("quant_type", quantType);
  must("blocksize", blockSize);
  must("shape", shape);
  if (!isNested) {
    return 0;
  }
  must("nested_blocksize", nestedBlock);
  must("nested_dtype", "float32");
  const offset = fields["nested_offset"];
  if (typeof offset !== "number" || !Number.isFinite(Math.fround(offset))) {
    throw badState(`Its nested_offset is ${shortJson(offset)}, not a number.`, where);
  }
  return Math.fround(offset);
}

function parseObject(bytes: Uint8Array, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw badState(`It is not JSON (${(error as Error).message}).`, where);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badState("It is not a JSON object.", where);
  }
  return value as Record<string, unknown>;
}

function badState(message: string, where: string): UserError {
  return new UserError("bad-header", message, {
    where,
    remedy: "Download the file again. If the error remains, quantise the model again.",
  });
}
