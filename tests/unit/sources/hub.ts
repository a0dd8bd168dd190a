// A hub with one model on it, and the way to open it without long waits.
import { openHub, type HubOptions } from "../../../src/sources/hub.ts";
import { parseHubName } from "../../../src/sources/hub-name.ts";
import { uniforms } from "../../../src/util/random.ts";
import { lfsFile, textFile, type HubFile, type HubServer } from "../../support/hub-server.ts";

export const never = new AbortController().signal;
/** Three quick tries. */
export const quick = { tries: 3, firstWaitMs: 1, longestWaitMs: 5 };

export function randomBytes(count: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(uniforms(seed, 1, count), (value) => value * 256);
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
