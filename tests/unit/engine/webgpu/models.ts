// Models by their config.json alone, as they are on Hugging Face.
import { readFileSync } from "node:fs";
import { parseModelSizes } from "../../../../src/model/config/parse.ts";
import type { ModelConfig } from "../../../../src/model/config/model-config.ts";

export const sevenModules = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
];

export type KnownModel = "llama-3.1-8b" | "qwen3-4b" | "smollm2-135m";

export function configPath(name: KnownModel): URL {
  return new URL(`configs/${name}.json`, import.meta.url);
}

export function readSizes(name: KnownModel): ModelConfig {
  return parseModelSizes(readFileSync(configPath(name), "utf8"));
}
