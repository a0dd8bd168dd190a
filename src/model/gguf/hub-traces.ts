// What a GGUF file says of the repository that it was made from. The keys are those of "General
// metadata" in ggml's docs/gguf.md; values of other types than text say nothing.
import type { GgufFile } from "../../formats/gguf/file.ts";
import type { HubTraces } from "../hub-guess.ts";

/** The nearest source first. */
const sourceKeys = [
  "general.source.huggingface.repository",
  "general.source.repo_url",
  "general.source.url",
  "general.repo_url",
  "general.url",
];

export function hubTracesOf({ metadata }: GgufFile): Pick<HubTraces, "sources" | "parent"> {
  return {
    sources: sourceKeys.map((key) => metadata.get(key)),
    parent: metadata.get("general.base_model.0.repo_url"),
  };
}
