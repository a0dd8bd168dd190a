// Facts about models and the device that the page shows: plain data that crosses between worker and
// page.
import type { PickedFile } from "../sources/files.ts";
import type { EngineName } from "../engine/contract.ts";
import type { TargetModule } from "../recipe/options.ts";

/** Where a model comes from that the visitor chooses. */
export type ModelSource =
  /** A picked or dropped folder, or a GGUF file. */
  { kind: "files"; files: PickedFile[] } | HubSource;

export interface HubSource {
  kind: "hub";
  /** `org/name`, with `@revision` if it is not the main branch. */
  name: string;
  /** Of a mirror; null is huggingface.co. */
  endpoint: string | null;
  /** For gated models; held in memory only. */
  token: string | null;
}

/** The machine that computes. */
export interface DeviceInfo {
  /** The engine that runs use. */
  engine: EngineName;
  backend: "webgpu" | "wasm" | "cpu";
  /** For people, e.g. "Apple M2" or "SwiftShader". */
  name: string;
  /** Why it is not WebGPU; null when it is. */
  fallbackReason: string | null;
}

export interface ModelInfo {
  /** `kept` is a place, not a source: what is kept came from a hub or from files. */
  source: "demo" | "files" | "hub";
  name: string;
  /** Commit, of a hub's model. */
  revision: string | null;
  licence: string | null;
  architecture: string;
  parameters: number;
  /** Weights as stored. */
  sizeBytes: number;
  dtype: string;
  layers: number;
  hiddenSize: number;
  vocabSize: number;
  contextLength: number;
  /** Linear layers that can carry an adapter, by PEFT's names. */
  targetModules: TargetModule[];
  /** How the weights are kept on the device, e.g. `q4/64`; `stored` where nothing was converted. */
  format: string;
  /** ||w - w'|| / ||w|| over all converted weights; null where every value is the file's. */
  conversionError: number | null;
}

/** One way to keep a model's weights, and what a run would take with it. */
export interface FormatOffer {
  /** What `loadModel` is called with. */
  format: string;
  label: string;
  weightsBytes: number;
  neededBytes: number;
  fits: boolean;
  /** Needed, allowed, and what to change where it does not fit. */
  words: string;
}

/** What is known of a model before its weights are read. */
export interface ModelOffer {
  /** For `loadModel`; an offer lasts until the next one. */
  id: number;
  name: string;
  revision: string | null;
  licence: string | null;
  architecture: string;
  parameters: number;
  dtype: string;
  /** Bytes to fetch; 0 for files that are here. */
  downloadBytes: number;
  formats: FormatOffer[];
  /** The format chosen for the visitor: the best that fits. */
  suggested: string;
}

/** A model whose converted weights lie in this browser's storage. */
export interface KeptModel {
  key: string;
  name: string;
  source: ModelInfo["source"];
  revision: string | null;
  format: string;
  sizeBytes: number;
  lastUsedAt: number;
}

/** A model that is known to train well here. */
export interface ListedModel {
  name: string;
  licence: string;
  /** Whether its authors ask for an account and an accepted licence first. */
  isGated: boolean;
  parameters: number;
  downloadBytes: number;
  /** What its weights would be kept as, the first that fits; null as stored. */
  format: string | null;
  /** The least that a run with the present recipe takes in that format. */
  neededBytes: number;
  /** Whether this device grants that. */
  fits: boolean;
}

export type LoadSource =
  | { kind: "demo" }
  /** Converted before and kept on this device. */
  | { kind: "kept"; key: string }
  | { kind: "offer"; id: number; format: string };
