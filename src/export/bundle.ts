// The files of an exported PEFT adapter folder.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { ZipEntry } from "../formats/zip.ts";
import { modelCard } from "./model-card.ts";
import { adapterConfigJson, adapterSafetensors } from "./peft/write.ts";
import { trainerStateJson } from "./trainer-state.ts";

/** A file for a Blob, which cannot hold shared memory. */
export interface AdapterBytes extends ZipEntry {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The folder that `PeftModel.from_pretrained` reads, with a model card and the log of the run. */
export function adapterFiles(run: RunState): AdapterBytes[] {
  const encoder = new TextEncoder();
  return [
    { name: "adapter_config.json", bytes: encoder.encode(adapterConfigJson(run)) },
    { name: "adapter_model.safetensors", bytes: adapterSafetensors(run) },
    { name: "README.md", bytes: encoder.encode(modelCard(run)) },
    { name: "trainer_state.json", bytes: encoder.encode(trainerStateJson(run)) },
  ];
}
