// Facts about models and the device that the page shows: plain data, posted between worker and
// page.
import type { PickedFile } from "../sources/files.ts";
import type { EngineName } from "../engine/contract.ts";
import type { HubGuess } from "../model/hub-guess.ts";
import type { TargetModule } from "../recipe/options.ts";

/** The source of a model that the person chooses. */
export type ModelSource =
  /** A picked or dropped folder, or a GGUF file. */
  { kind: "files"; files: PickedFile[] } | HubSource;

export interface HubSource {
  kind: "hub";
  /** `org/name`, with `@revision` if it is not the main branch. */
  name: string;
  /** Of a mirror; null for huggingface.co. */
  endpoint: string | null;
  /** For gated models; held in memory only. */
  token: string | null;
}

/** The machine that computes. */
export interface DeviceInfo {
  /** The engine that runs use. */
  engine: EngineName;
  backend: "webgpu" | "wasm" | "cpu";
  /** For display, e.g. "Apple M2" or "SwiftShader". */
  name: string;
  /** Whether the processor computes, with or without WebGPU. */
  isSoftware: boolean;
  /** Why it is not WebGPU; null when it is. */
  fallbackReason: string | null;
}

/** By which name PEFT and transformers load a base model. */
export interface BaseNaming {
  /** What adapters name as their base model; null where nobody said. */
  name: string | null;
  guess: HubGuess | null;
  /** Whether a person says it: files of theirs, or of a repository that cannot be loaded so. */
  isAsked: boolean;
}

/** What the hub knows of a name. */
export interface BaseCheck {
  /** As the hub spells it. */
  name: string;
  /** Whether its config has the sizes of the model here; null where that cannot be compared. */
  agrees: boolean | null;
  /** A sentence for the page. */
  words: string;
}

export interface ModelInfo {
  /** A kept model has the source that it was stored from. */
  source: "demo" | "files" | "hub";
  name: string;
  /** Commit of a hub's model. */
  revision: string | null;
  naming: BaseNaming;
  licence: string | null;
  architecture: string;
  parameters: number;
  /** Of the weights as published. */
  sizeBytes: number;
  dtype: string;
  layers: number;
  hiddenSize: number;
  vocabSize: number;
  contextLength: number;
  /** Linear layers that can carry an adapter, by PEFT's names. */
  targetModules: TargetModule[];
  /** Weight format on the device, e.g. `q4/64`; `stored` where nothing was converted. */
  format: string;
  /** ||w - w'|| / ||w|| over all converted weights; null where none changed. */
  conversionError: number | null;
}

/** A weight format, and what a run needs with it. */
export interface FormatOffer {
  /** What `loadModel` is called with. */
  format: string;
  label: string;
  weightsBytes: number;
  neededBytes: number;
  fits: boolean;
  /** Whether it fits with layers that are streamed from storage, and not without. */
  streams: boolean;
  /** Bytes needed and available, and what to change where it does not fit. */
  words: string;
}

/** A model before its weights are read. */
export interface ModelOffer {
  /** For `loadModel`; valid until the next offer. */
  id: number;
  name: string;
  revision: string | null;
  licence: string | null;
  architecture: string;
  parameters: number;
  dtype: string;
  /** Bytes to download; 0 for local files. */
  downloadBytes: number;
  formats: FormatOffer[];
  /** The suggested format: the best that fits. */
  suggested: string;
}

/** A model whose converted weights are in this browser's storage. */
export interface KeptModel {
  key: string;
  name: string;
  source: ModelInfo["source"];
  revision: string | null;
  format: string;
  sizeBytes: number;
  lastUsedAt: number;
}

/** A model of the catalogue, which trains well in a browser. */
export interface ListedModel {
  name: string;
  licence: string;
  /** Whether its authors require an account and an accepted licence. */
  isGated: boolean;
  parameters: number;
  downloadBytes: number;
  /** The first weight format that fits; null for the stored one. */
  format: string | null;
  /** Bytes of a run by the current recipe in that format, at the smallest memory choice. */
  neededBytes: number;
  /** Whether this device has them with all weights on it. */
  fits: boolean;
  /** Whether it has them, and only has them, with layers that are streamed from storage. */
  streams: boolean;
}

export type LoadSource =
  | { kind: "demo" }
  /** Converted before and kept on this device. */
  | { kind: "kept"; key: string }
  | { kind: "offer"; id: number; format: string };
