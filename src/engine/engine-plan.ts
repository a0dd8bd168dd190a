// What an engine is opened for: one model and one shape of micro-batches, by a recipe.
import type { LoraConfig } from "../adapter/lora.ts";
import type { BaseModel } from "../model/open.ts";
import type { BackendName, BatchShape, EngineName } from "./contract.ts";
import type { WasmPaths } from "./tfjs/backend.ts";
import type { MemoryChoice } from "./webgpu/memory-choice.ts";

export interface EnginePlan {
  engine: EngineName;
  /** Of the reference engine. */
  backend: BackendName;
  wasmPaths: WasmPaths;
  /** The parts of the model that are trained. */
  model: Pick<BaseModel, "config" | "weights">;
  lora: LoraConfig;
  shape: BatchShape;
  /** Probability spread over the vocabulary, from 0 (plain cross-entropy) to below 1. */
  labelSmoothing: number;
  /** Whether the rows of the data set have weights. */
  isWeighted: boolean;
  /** Of the compiled engine, where the device could not bear what the budget would choose. */
  memoryChoice?: MemoryChoice | undefined;
}
