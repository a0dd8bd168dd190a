// Options that open an engine for a benchmark.
import type { ModelConfig } from "../../../src/model/config/model-config.ts";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { BatchShape } from "../../../src/engine/contract.ts";

/** Options for a whole model on the device. */
export interface EngineOptions {
  config: ModelConfig;
  lora: LoraConfig;
  /** Tokens of the micro-batches. */
  shape: BatchShape;
}
