// An adapter as GGUF, for llama.cpp and what is built on it: the same tensors as its converter
// makes of the PEFT folder. Source: ggml-org/llama.cpp v0.5.0, convert_lora_to_gguf.py; what it
// reads: src/llama-adapter.cpp.
import type { AdapterTensor } from "../../adapter/state.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { typeForRows, type EncodableType } from "../../formats/gguf/quantize.ts";
import type { TensorToWrite } from "../../formats/gguf/write.ts";
import type { TypedMetadata } from "../../formats/gguf/write-value.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";
import {
  architectureOfClass,
  ggufNameOf,
  type GgufArchitecture,
} from "../../model/gguf/architecture.ts";
import { interleavedHeads, isInterleaved } from "../../model/gguf/rows.ts";
import { linearsOfLayer } from "../../model/tensors.ts";
import { invariant } from "../../util/assert.ts";
import { baseNameOf } from "../base-name.ts";
import { textValue } from "./text-value.ts";

/** The types of an adapter's values, llama.cpp's default first: it is exact. */
export const adapterTypes = ["F32", "F16", "BF16", "Q8_0"] as const satisfies EncodableType[];
export type AdapterType = (typeof adapterTypes)[number];

export interface GgufContents {
  metadata: TypedMetadata;
  tensors: TensorToWrite[];
}

/**
 * The contents of the file. Only linear layers of the model get tensors: llama.cpp has no way to
 * apply an adapter to an embedding that is also the head.
 * @param config of the run's base model
 * @param type of the values; rows that are no whole blocks become F16, as in the converter
 */
export function ggufAdapter(run: RunState, config: ModelConfig, type: AdapterType): GgufContents {
  const architecture = architectureOfClass(config.architecture);
  const modules = new Set(
    config.layers.flatMap((_, layer) => linearsOfLayer(config, layer).map(({ module }) => module)),
  );
  return {
    metadata: metadataOf(run, architecture),
    tensors: run.adapter.tensors.map((tensor) => {
      const [, module = "", matrix = ""] = loraName.exec(tensor.name) ?? [];
      invariant(modules.has(module), `${tensor.name} is no linear layer of the base model`);
      const weight = `${module}.weight`;
      return {
        name: `${ggufNameOf(weight, architecture)}.lora_${matrix.toLowerCase()}`,
        type: typeForRows(type, tensor.shape[1]),
        shape: tensor.shape,
        rows: () => [
          matrix === "B" && isInterleaved(weight, architecture)
            ? inFileOrder(tensor, config.headDim)
            : tensor.values,
        ],
      };
    }),
  };
}

const loraName = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/**
 * llama.cpp scales B A by alpha / rank, and reads alpha as f32 alone. Where alpha is 0 it does not
 * scale at all.
 */
function metadataOf({ recipe, base }: RunState, { name }: GgufArchitecture): TypedMetadata {
  invariant(recipe.alpha > 0, `alpha ${recipe.alpha} cannot be written`);
  return [
    ["general.architecture", textValue(name)],
    ["general.type", textValue("adapter")],
    ["adapter.type", textValue("lora")],
    ["general.name", textValue(`${baseNameOf(base) ?? base.name} LoRA`)],
    ...baseModelOf(baseNameOf(base)),
    ["adapter.lora.alpha", { type: "f32", value: recipe.alpha }],
    ["general.quantization_version", { type: "u32", value: 2 }],
  ];
}

/** The keys in which llama.cpp's converter names a parent model. */
function baseModelOf(name: string | null): TypedMetadata {
  const [, organization, model] = /^([\w.-]+)\/([\w.-]+)$/.exec(name ?? "") ?? [];
  if (organization === undefined || model === undefined) {
    return [];
  }
  const key = "general.base_model";
  return [
    [`${key}.count`, { type: "u32", value: 1 }],
    [`${key}.0.name`, textValue(model)],
    [`${key}.0.organization`, textValue(organization)],
    [`${key}.0.repo_url`, textValue(`https://huggingface.co/${organization}/${model}`)],
  ];
}

/** The rows of B of q and k, as the converter interleaves those of the base weight. */
function inFileOrder(
  { values, shape: [rows, columns] }: AdapterTensor,
  headDim: number,
): Float32Array<ArrayBuffer> {
  const order = interleavedHeads(headDim);
  const ordered = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const from = order(row) * columns;
    ordered.set(values.subarray(from, from + columns), row * columns);
  }
  return ordered;
}
