// Opens a GGUF file as a model: config, tokenizer and tensors from one file instead of a folder.
import type { ByteSource } from "../../formats/byte-source.ts";
import { dequantize, decodableName } from "../../formats/gguf/dequantize.ts";
import { openGgufFile, type GgufFile } from "../../formats/gguf/file.ts";
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import type { HubTraces } from "../hub-guess.ts";
import type { SourceTensor } from "../source-tensor.ts";
import {
  architectureOf,
  hfNameOf,
  unsupportedModel,
  type GgufArchitecture,
} from "./architecture.ts";
import { configOf, missingTensor, type ConfigFields, type TensorFacts } from "./config.ts";
import { unfused, type FusedRows } from "./fused.ts";
import { hubTracesOf } from "./hub-traces.ts";
import { Metadata } from "./metadata.ts";
import { halvesOfHeads, isInterleaved } from "./rows.ts";
import { ggufSourceTensor } from "./source-tensor.ts";
import { tokenizerOf, type GgufTokenizer } from "./tokenizer.ts";

export interface GgufModel {
  /** `general.name`, else the file's. */
  name: string;
  /** Of its origin. */
  traces: Pick<HubTraces, "sources" | "parent">;
  /** The licence that the file names, e.g. `apache-2.0`. */
  licence: string | null;
  /** The content of a config.json. */
  config: ConfigFields;
  /** The content of tokenizer.json and tokenizer_config.json, the chat template included. */
  tokenizer: GgufTokenizer;
  /** Ids at which generation ends. */
  stopTokens: readonly number[];
  /** By Hugging Face name, in the order of the file. */
  tensors: ReadonlyMap<string, SourceTensor>;
}

/**
 * Opens the file and checks everything that does not need the weights. Shapes are checked by the
 * caller, who has parsed the config.
 * @throws UserError "not-gguf", "bad-header", "unreadable-file", "missing-file" for one part of
 *   several, "unsupported-architecture", "bad-config", "bad-tokenizer", "missing-tensor",
 *   "wrong-dtype", "wrong-shape"; the signal's AbortError
 */
export async function openGguf(source: ByteSource, signal: AbortSignal): Promise<GgufModel> {
  const file = await openGgufFile(source, signal);
  const metadata = new Metadata(file);
  refuseOtherContents(metadata);
  const architecture = architectureOf(metadata.text("general.architecture") ?? "", file.name);
  const config = configOf(metadata, architecture, await factsOf(file, signal));
  const { stopTokens, ...tokenizer } = tokenizerOf(metadata, architecture);
  return {
    name: metadata.text("general.name") ?? file.name.replace(/\.gguf$/i, ""),
    traces: hubTracesOf(file),
    licence: metadata.text("general.license") ?? null,
    config,
    tokenizer,
    stopTokens,
    tensors: tensorsOfModel(file, architecture, {
      headDim: Number(config["head_dim"]),
      heads: Number(config["num_attention_heads"]),
      keyHeads: Number(config["num_key_value_heads"]),
    }),
  };
}

/** By `general.type`, what a file of this type is and the way out. */
const otherContents: ReadonlyMap<string, { what: string; remedy: string }> = new Map([
  [
    "adapter",
    {
      what: "It contains an adapter, not a model.",
      remedy:
        "Choose the base model as the model. An adapter to continue from must be a PEFT folder.",
    },
  ],
  [
    "mmproj",
    {
      what: "It contains the part of a model that reads images or sound (mmproj).",
      remedy: "Choose the GGUF file of the language model, which lies beside it.",
    },
  ],
]);

function refuseOtherContents(metadata: Metadata): void {
  const type = metadata.text("general.type") ?? "model";
  const other = otherContents.get(type);
  if (other !== undefined) {
    throw new UserError("unsupported-architecture", other.what, {
      where: metadata.fileName,
      remedy: other.remedy,
    });
  }
  if (type !== "model") {
    throw unsupportedModel(
      `It contains ${shortJson(type)}, not a complete model.`,
      metadata.fileName,
    );
  }
  const parts = metadata.count("split.count") ?? 1;
  if (parts > 1) {
    const part = (metadata.count("split.no") ?? 0) + 1;
    throw new UserError("missing-file", `It is part ${part} of ${parts} of a model.`, {
      where: metadata.fileName,
      remedy: "Join the parts with llama.cpp: llama-gguf-split --merge, then choose the result.",
    });
  }
}

async function factsOf(file: GgufFile, signal: AbortSignal): Promise<TensorFacts> {
  const { tensors } = file;
  const embedding = tensors.get("token_embd.weight");
  if (embedding === undefined) {
    throw missingTensor("token_embd.weight", file.name);
  }
  const vector = async (name: string) => {
    const tensor = tensors.get(`${name}.weight`) ?? tensors.get(`blk.0.${name}.weight`);
    return tensor === undefined ? null : await readVector(file, tensor, signal);
  };
  return {
    vocabSize: embedding.ne[1] ?? 1,
    hasHead: tensors.has("output.weight"),
    hasAttentionBias: tensors.has("blk.0.attn_q.bias") || tensors.has("blk.0.attn_qkv.bias"),
    hasMlpBias: tensors.has("blk.0.ffn_up.bias"),
    divisors: await vector("rope_freqs"),
    long: await vector("rope_factors_long"),
    short: await vector("rope_factors_short"),
  };
}

/**
 * @throws UserError "wrong-dtype" for anything but F32 and F16, "wrong-shape" for more than one row
 */
async function readVector(
  file: GgufFile,
  tensor: GgufTensor,
  signal: AbortSignal,
): Promise<Float32Array> {
  const where = `${file.name}, tensor ${shortJson(tensor.name)}`;
  const remedy = "Choose another GGUF file of the model.";
  const name = decodableName(tensor.type);
  if (name !== "F32" && name !== "F16") {
    throw new UserError("wrong-dtype", `It is ${tensor.type.name}; it must be F32.`, {
      where,
      remedy,
    });
  }
  if (tensor.sizeBytes !== tensor.rowBytes || tensor.rowBytes > maxVectorBytes) {
    throw new UserError("wrong-shape", `It is [${tensor.ne.join(", ")}]; it must be one row.`, {
      where,
      remedy,
    });
  }
  return dequantize(name, tensor.type, await file.readRows(tensor, 0, 1, signal));
}

/** Half of the largest head in use is 256 numbers. */
const maxVectorBytes = 64 * 1024;

interface Heads {
  headDim: number;
  heads: number;
  keyHeads: number;
}

function tensorsOfModel(
  file: GgufFile,
  architecture: GgufArchitecture,
  { headDim, heads, keyHeads }: Heads,
): Map<string, SourceTensor> {
  const tensors = new Map<string, SourceTensor>();
  // The metadata holds the vocabulary; a tensor must not keep it in memory.
  const rows = { name: file.name, readRows: file.readRows };
  const fused: FusedRows = { query: heads * headDim, key: keyHeads * headDim };
  const split = (tensor: GgufTensor) =>
    architecture.modules.has("attn_qkv")
      ? [tensor]
      : unfused(tensor, fused, `${file.name}, tensor ${shortJson(tensor.name)}`);
  for (const tensor of [...file.tensors.values()].flatMap(split)) {
    const name = hfNameOf(tensor.name, architecture, file.name);
    if (name !== null) {
      const hasOrder = isInterleaved(name, architecture);
      if (hasOrder) {
        requireHeads(tensor, headDim, file.name);
      }
      if (tensors.has(name)) {
        throw new UserError(
          "bad-header",
          `The same tensor is also in the fused one of its layer.`,
          {
            where: `${file.name}, tensor ${shortJson(tensor.name)}`,
            remedy: "Choose another GGUF file of the model.",
          },
        );
      }
      tensors.set(
        name,
        ggufSourceTensor(rows, tensor, name, {
          order: hasOrder ? halvesOfHeads(headDim) : null,
          shift: name.endsWith("norm.weight") ? architecture.normShift : 0,
        }),
      );
    }
  }
  return tensors;
}

function requireHeads({ name, ne }: GgufTensor, headDim: number, fileName: string): void {
  const rows = ne[ne.length - 1] ?? 1;
  if (headDim % 2 !== 0 || rows % headDim !== 0) {
    throw new UserError(
      "wrong-shape",
      `Its ${rows} rows are not a multiple of the head size ${headDim}.`,
      {
        where: `${fileName}, tensor ${shortJson(name)}`,
        remedy: "Choose another GGUF file of the model.",
      },
    );
  }
}
