// Where on the page an error belongs: beside what the visitor has to change.
import type { ErrorCode } from "../../util/errors.ts";

export type Place = "model" | "data" | "recipe" | "run" | "checkpoints";

const places: Record<ErrorCode, Place> = {
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

/** Section of an error that came from a call over all of the set-up, like `plan`. */
export function placeOf(code: ErrorCode): Place {
  return places[code];
}
