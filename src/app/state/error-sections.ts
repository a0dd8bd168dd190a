// The section of the page that shows an error: the one where the visitor can correct it.
import type { ErrorCode } from "../../util/errors.ts";

export type PageSection = "model" | "data" | "recipe" | "run" | "checkpoints";

const sections: Record<ErrorCode, PageSection> = {
  "unreadable-file": "model",
  "not-safetensors": "model",
  "not-gguf": "model",
  "bad-header": "model",
  "missing-tensor": "model",
  "wrong-dtype": "model",
  "wrong-shape": "model",
  "unsupported-architecture": "model",
  "bad-config": "model",
  "bad-tokenizer": "model",
  "vocabulary-mismatch": "model",
  "bad-row": "data",
  "many-bad-rows": "data",
  "empty-data": "data",
  "no-completion": "data",
  "too-long": "data",
  "bad-recipe": "recipe",
  "non-finite-loss": "run",
  quota: "run",
  "no-adapter": "recipe",
  "bad-adapter": "recipe",
  "missing-file": "model",
  "bad-model-name": "model",
  "access-denied": "model",
  network: "model",
  "damaged-file": "model",
  "device-lost": "run",
  "device-lost-twice": "run",
  "out-of-memory": "recipe",
  "bad-checkpoint": "checkpoints",
  "wrong-base-model": "model",
  "wrong-data": "data",
  busy: "run",
  "other-tab": "run",
  aborted: "run",
  unexpected: "run",
};

/** For errors of calls that concern the whole set-up, such as `plan`. */
export function sectionOf(code: ErrorCode): PageSection {
  return sections[code];
}
