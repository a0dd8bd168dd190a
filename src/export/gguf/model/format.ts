// The merged model as one GGUF file.
import { ggufParts, ggufSizeBytes, tensorBytes } from "../../../formats/gguf/write.ts";
import { architectureOfClass } from "../../../model/gguf/architecture.ts";
import { mergingNotes, type MergedFormat } from "../../merged/format.ts";
import { mergedTensors } from "../../merged/tensors.ts";
import { ggufModel } from "./contents.ts";
import { ggufTensor } from "./tensors.ts";
import { losesWindow } from "./unsupported.ts";

/** For llama.cpp and what is built on it. */
export const ggufModelFormat: MergedFormat = {
  name: "gguf",
  label: "GGUF model",
  types: ["F16", "BF16", "Q8_0", "Q4_0", "F32"],
  sizeBytes: (run, model, type) => {
    const { config } = model;
    const architecture = architectureOfClass(config.architecture);
    return mergedTensors(model, run)
      .map((tensor) => tensorBytes(ggufTensor(tensor, config, architecture, type)))
      .reduce((sum, bytes) => sum + bytes, 0);
  },
  notes: async (run, model) => {
    const { config } = model;
    await ggufModel(run, model, "F16");
    const losesIt = losesWindow(config, architectureOfClass(config.architecture).name);
    return [
      ...mergingNotes(run, model),
      "One file for llama.cpp, Ollama, LM Studio and wllama, with tokenizer and chat template.",
      ...(losesIt
        ? [
            `llama.cpp has no sliding window here: beyond ${config.slidingWindow ?? 0} tokens answers differ.`,
          ]
        : []),
    ];
  },
  parts: async (run, model, { type, stem, signal }) => {
    const { metadata, tensors } = await ggufModel(run, model, type);
    const sizeBytes = ggufSizeBytes(metadata, tensors);
    const open = () => ggufParts(metadata, tensors, signal);
    return [{ name: `${stem}.gguf`, sizeBytes, open }];
  },
};
