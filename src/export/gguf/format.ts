// The GGUF adapter: what it keeps, its files and its model card.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { ggufParts } from "../../formats/gguf/write.ts";
import type { BaseModel } from "../../model/open.ts";
import { concatBytes } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { yieldToEvents } from "../../util/yield-to-events.ts";
import { textFile, type ExportFormat, type WriteOptions } from "../format.ts";
import { cardFiles } from "../model-card.ts";
import { sharedNotes } from "../shared-notes.ts";
import { bytesOfValues } from "../values.ts";
import { adapterTypes, ggufAdapter } from "./adapter.ts";
import { modelfile } from "./modelfile.ts";

const fileName = "adapter.gguf";

/** For llama.cpp, Ollama, wllama and what else is built on llama.cpp. */
export const ggufFormat: ExportFormat = {
  name: "gguf",
  label: "GGUF",
  valueTypes: adapterTypes,
  notes: (run, model) => {
    needed(model);
    return [...sharedNotes(run), ...runtimeNotes];
  },
  files: async (run, options) => {
    const model = needed(options.model);
    return [
      { name: fileName, bytes: await adapterBytes(run, model, options) },
      textFile("Modelfile", await modelfile(run, model, fileName, options.signal)),
      ...cardFiles(run, {
        library: "gguf",
        valueType: options.valueType,
        loading: loadingCode,
        notes: ggufFormat.notes(run, model),
        more: ollamaWords,
      }),
    ];
  },
};

const runtimeNotes = [
  "It acts on a GGUF file of the base model in any quantisation.",
  "Ollama needs this format: it takes PEFT folders of few architectures.",
  "LM Studio loads no adapters.",
];

/** The order of rows and the names of tensors are the model's, which the run does not hold. */
function needed(model: BaseModel | null): BaseModel {
  if (model === null) {
    throw new UserError("missing-file", "GGUF needs the base model, which is not loaded.", {
      remedy: "Load the model of this run under Model.",
    });
  }
  return model;
}

async function adapterBytes(
  run: RunState,
  { config }: BaseModel,
  { valueType, signal, progress }: WriteOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { metadata, tensors } = ggufAdapter(run, config, valueType);
  const totalBytes = bytesOfValues(run.adapter.tensors, valueType);
  const parts: Uint8Array[] = [];
  let doneBytes = 0;
  let seenBytes = 0;
  for await (const part of ggufParts(metadata, tensors, signal)) {
    parts.push(part);
    doneBytes += part.length;
    if (doneBytes - seenBytes >= bytesAtOnce) {
      seenBytes = doneBytes;
      progress(Math.min(doneBytes, totalBytes), totalBytes);
      await yieldToEvents();
    }
  }
  return concatBytes(parts);
}

/** After so many bytes a cancellation is looked for. */
const bytesAtOnce = 8e6;

const loadingCode = `\`\`\`sh
llama-cli -m base.gguf --lora ${fileName}   # llama.cpp
ollama create my-model -f Modelfile         # Ollama; base.gguf beside the Modelfile
\`\`\``;

const ollamaWords = `## Ollama

\`Modelfile\` names \`base.gguf\`: put a GGUF file of the base model there, or change the line. Template, end tokens and system message in it
are those of the training. Never give Ollama the PEFT folder in place of this file.
`;
