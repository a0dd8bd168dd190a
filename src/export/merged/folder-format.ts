// The merged model as a folder from the Hub has it.
import { floatTypeOf } from "../values.ts";
import { mergedFolder, folderBytes } from "./folder.ts";
import { mergingNotes, type MergedFormat } from "./format.ts";

/** For transformers and what reads its folders. */
export const folderFormat: MergedFormat = {
  name: "folder",
  label: "Hugging Face folder",
  types: ["F16", "BF16", "F32"],
  sizeBytes: (_, { config }, type) => folderBytes(config, floatTypeOf(type)),
  notes: (run, model) =>
    Promise.resolve([
      ...mergingNotes(run, model),
      "For transformers, vLLM and mlx-lm: safetensors in files of at most 5 GB, with tokenizer, chat template and generation config.",
    ]),
  parts: (run, model, { type, signal }) =>
    Promise.resolve(mergedFolder(run, model, floatTypeOf(type), signal)),
};
