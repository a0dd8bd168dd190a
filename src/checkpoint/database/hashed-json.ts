// Small JSON texts after their own SHA-256, because browsers do not check what they return.
import { sha256Hex } from "../../util/bytes.ts";

/** Hex digits of a SHA-256. */
const hashLength = 64;

/** The hash and the JSON as one text to store. */
export async function encodeHashed(json: string): Promise<string> {
  return (await hashOf(json)) + json;
}

/** The JSON in a stored value; null when it does not match its hash. */
export async function decodeHashed(value: unknown): Promise<string | null> {
  if (typeof value !== "string") {
    return null;
  }
  const json = value.slice(hashLength);
  return (await hashOf(json)) === value.slice(0, hashLength) ? json : null;
}

function hashOf(json: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(json));
}
