// A hub with one model on it, and the way to open it without long waits.
import { expect } from "vitest";
import { openHub, type HubOptions } from "../../../src/sources/hub.ts";
import { parseHubName } from "../../../src/sources/hub-name.ts";
import { lfsFile, textFile, type HubFile, type HubServer } from "../../support/hub-server.ts";

export const never = new AbortController().signal;
/** Three quick tries. */
export const quick = { tries: 3, firstWaitMs: 1, longestWaitMs: 5 };

/** Bytes that do not repeat; the same for a seed (a linear congruential generator's upper bits). */
export function randomBytes(count: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Compares at once; a matcher that walks over a million elements takes seconds. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

export const weights = randomBytes(1_000_003);

export const modelFiles: Record<string, HubFile> = {
  ".gitattributes": textFile("*.safetensors filter=lfs"),
  "README.md": textFile("# Small"),
  "config.json": textFile('{"architectures":["LlamaForCausalLM"]}'),
  "tokenizer.json": lfsFile(new TextEncoder().encode('{"model":{}}')),
  "tokenizer_config.json": textFile("{}"),
  "model.safetensors": lfsFile(weights),
  "onnx/model.onnx": lfsFile(randomBytes(10)),
  "original/consolidated.00.pth": lfsFile(randomBytes(10)),
};

/** Opens a model of this server. */
export function openFrom(server: HubServer, typed = "org/small", options: HubOptions = {}) {
  return openHub(
    parseHubName(typed),
    { endpoint: server.endpoint, pace: quick, ...options },
    never,
  );
}
