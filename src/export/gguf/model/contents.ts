// A model with an adapter merged in, as one GGUF file.
import type { RunState } from "../../../checkpoint/file/run-state.ts";
import { architectureOfClass } from "../../../model/gguf/architecture.ts";
import type { BaseModel } from "../../../model/open.ts";
import { mergedTensors } from "../../merged/tensors.ts";
import type { GgufContents } from "../adapter.ts";
import { generalKeys, sizeKeys } from "./metadata.ts";
import { ropeOf } from "./rope.ts";
import { ggufTensor, type ModelType } from "./tensors.ts";
import { tokenizerKeys } from "./tokenizer.ts";
import { requireComputable } from "./unsupported.ts";

/**
 * The contents of the file; the weights are read while it is written.
 * @param type of the matrices
 * @throws UserError "unsupported-architecture" for what llama.cpp computes otherwise,
 *   "bad-tokenizer" for a tokenizer that GGUF cannot describe
 */
export async function ggufModel(
  run: RunState,
  model: BaseModel,
  type: ModelType,
): Promise<GgufContents> {
  const { config } = model;
  const architecture = architectureOfClass(config.architecture);
  const { name } = architecture;
  requireComputable(config, name);
  const rope = ropeOf(model, name);
  return {
    metadata: [
      ...generalKeys(run, model, name, type),
      ...sizeKeys(model, name),
      ...rope.metadata,
      ...(await tokenizerKeys(model)),
    ],
    tensors: [
      ...rope.tensors,
      ...mergedTensors(model, run).map((tensor) => ggufTensor(tensor, config, architecture, type)),
    ],
  };
}
