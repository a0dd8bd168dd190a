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

export function configPath(name: "llama-3.1-8b" | "smollm2-135m"): URL {
  return new URL(`configs/${name}.json`, import.meta.url);
}

export function readSizes(name: "llama-3.1-8b" | "smollm2-135m"): ModelConfig {
  return parseModelSizes(readFileSync(configPath(name), "utf8"));
}
