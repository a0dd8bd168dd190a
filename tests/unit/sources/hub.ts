// A hub with one model on it, and the way to open it without long waits.
import { expect } from "vitest";
import { openHub, type HubOptions } from "../../../src/sources/hub/hub.ts";
import { parseHubName } from "../../../src/sources/hub/hub-name.ts";
import { madeUpBytes } from "../../support/made-up-bytes.ts";
import { lfsFile, textFile, type HubFile } from "../../support/hub-repo.ts";
import type { HubServer } from "../../support/hub-server.ts";

export const never = new AbortController().signal;
/** Three quick tries. */
export const quick = { tries: 3, firstWaitMs: 1, longestWaitMs: 5 };

/** Compares at once; a matcher that walks over a million elements takes seconds. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

export const weights = madeUpBytes(1_000_003);

export const modelFiles: Record<string, HubFile> = {
  ".gitattributes": textFile("*.safetensors filter=lfs"),
  "README.md": textFile("# Small"),
  "config.json": textFile('{"architectures":["LlamaForCausalLM"]}'),
  "tokenizer.json": lfsFile(new TextEncoder().encode('{"model":{}}')),
  "tokenizer_config.json": textFile("{}"),
  "model.safetensors": lfsFile(weights),
  "onnx/model.onnx": lfsFile(madeUpBytes(10)),
  "original/consolidated.00.pth": lfsFile(madeUpBytes(10)),
};

/** Opens a model of this server. */
export function openFrom(server: HubServer, typed = "org/small", options: HubOptions = {}) {
  return openHub(
    parseHubName(typed),
    { endpoint: server.endpoint, retryLimits: quick, ...options },
    never,
  );
}
