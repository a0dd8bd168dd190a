// What a merged model is as an export: its files as streams, and what they keep. Unlike the files
// of an adapter they are as large as the model, so none is in memory as a whole.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { ZipPart } from "../../formats/zip.ts";
import type { BaseModel } from "../../model/open.ts";
import type { ModelType } from "../gguf/model/tensors.ts";

export type { ModelType } from "../gguf/model/tensors.ts";

export interface MergedRequest {
  type: ModelType;
  /** Of file names, without an ending. */
  stem: string;
  signal: AbortSignal;
}

export interface MergedFormat {
  name: "gguf" | "folder";
  /** On the page. */
  label: string;
  /** The types of the matrices; the first unless the person chooses another. */
  types: readonly ModelType[];
  /** Bytes of all tensors. */
  sizeBytes: (run: RunState, model: BaseModel, type: ModelType) => number;
  /**
   * What the files keep and need, a sentence each, for the page before they are written.
   * @throws UserError for a model that the format cannot hold
   */
  notes: (run: RunState, model: BaseModel) => Promise<string[]>;
  /**
   * The files, each opened when it is written. One part alone is one file; several are a folder.
   * @throws as `notes`; while they are read, UserError "wrong-dtype" for a value outside the type,
   *   what reading the weights throws, and the signal's AbortError
   */
  parts: (run: RunState, model: BaseModel, request: MergedRequest) => Promise<ZipPart[]>;
}

/** What both formats say: from which weights the model is merged. */
export function mergingNotes({ base }: RunState, { weights }: BaseModel): string[] {
  const formats = new Set([...weights.shapes.values()].map(({ format }) => format));
  const packed = (["q8", "q4", "nf4"] as const).find((format) => formats.has(format));
  if (packed === undefined) {
    return ["The adapter is merged in f32, tensor by tensor; nothing runs beside the model."];
  }
  const format = base.weightFormat === "stored" ? packed : base.weightFormat;
  return [
    `The adapter is merged in f32 into the base model in ${format}, whose rounding stays in it.`,
  ];
}
