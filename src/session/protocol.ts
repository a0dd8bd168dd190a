// The words between page and worker: calls with one answer each, and events. Closed unions; both sides switch exhaustively.
import type { CheckpointSummary } from "../checkpoint/summary.ts";
import type { Usage } from "../checkpoint/usage.ts";
import type { Recipe, TargetModule } from "../train/recipe.ts";
import type { LogEntry } from "../train/state.ts";
import type { PickedFile } from "../sources/files.ts";
import type { PlainError } from "../util/errors.ts";

export type { PickedFile } from "../sources/files.ts";
export type { CheckpointSummary } from "../checkpoint/summary.ts";

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
export type DataSource = { kind: "demo" } | { kind: "file"; file: File };

/** `webgpu` is compiled for the GPU; `tfjs` is the reference, slower and on any backend. */
export type EngineName = "webgpu" | "tfjs";

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

export interface DataInfo {
  source: DataSource["kind"];
  name: string;
  rows: number;
  sizeBytes: number;
}

export interface PreviewToken {
  text: string;
  /** Whether the loss counts this token. */
  trained: boolean;
}

/** What a recipe means for the loaded model and data, before anything runs. */
export interface RunPlan {
  trainRows: number;
  heldOutRows: number;
  /** Tokens the loss counts in one epoch. */
  trainedTokens: number;
  longestRowTokens: number;
  /** Rows cut to maxLength. */
  truncatedRows: number;
  /** Rows left out because cutting left no trained token. */
  droppedRows: number;
  totalSteps: number;
  trainableParameters: number;
  /** Estimated device bytes of the run. */
  neededBytes: number;
  /** The first rows, token by token. */
  preview: PreviewToken[][];
  /** A prompt from the data for the sample before and after. */
  samplePrompt: string;
}

export interface AdapterFile {
  name: string;
  blob: Blob;
}

/** What the page draws after a run has been taken up again. */
export interface RestoredRun {
  runId: string;
  step: number;
  totalSteps: number;
  recipe: Recipe;
  log: LogEntry[];
  model: ModelInfo;
  data: DataInfo;
}

export type LoadSource =
  | { kind: "demo" }
  /** Converted before and kept on this device. */
  | { kind: "kept"; key: string }
  | { kind: "offer"; id: number; format: string };

/** Every call with its parameters and its answer. */
export interface Calls {
  /** First call: finds the device and lists what is saved. */
  open: {
    params: undefined;
    result: {
      device: DeviceInfo;
      checkpoints: CheckpointSummary[];
      /** What was lost or damaged since the last time, a sentence each. */
      notices: string[];
    };
  };
  /** The notices of `open` were read. */
  forgetLosses: { params: undefined; result: null };
  /** Chooses the engine of runs to come; refused during a run, and the compiled one without WebGPU. */
  chooseEngine: { params: { engine: EngineName }; result: DeviceInfo };
  /** Reads what a model is and what it costs here, but no weight. */
  lookUpModel: {
    params: { source: ModelSource; recipe: Recipe };
    result: ModelOffer;
  };
  /** Loads the demo, a kept model, or the offer of this id in one of its formats. */
  loadModel: { params: { source: LoadSource }; result: ModelInfo };
  /** Ends the look-up or load under way; what was downloaded stays and is gone on from. */
  cancelLoad: { params: undefined; result: null };
  listModels: { params: { recipe: Recipe }; result: ListedModel[] };
  /** Newest use first. */
  listKeptModels: { params: undefined; result: KeptModel[] };
  deleteKeptModel: { params: { key: string }; result: KeptModel[] };
  loadData: { params: { source: DataSource }; result: DataInfo };
  /** Parses a recipe file over the defaults for the loaded model. */
  readRecipe: { params: { file: File }; result: Recipe };
  plan: { params: { recipe: Recipe }; result: RunPlan };
  /** Starts a new run; answers when it has set out. `adapter` starts from an existing PEFT adapter's files. */
  start: {
    params: { recipe: Recipe; adapter: File[] | null; samplePrompt: string };
    result: { runId: string; totalSteps: number };
  };
  /** Answers when the run stands still and is saved. */
  pause: { params: undefined; result: null };
  resume: { params: undefined; result: null };
  /** Takes the run of this browser from the tab that has it: that one stops and saves nothing more. */
  takeOver: { params: undefined; result: null };
  /** Ends the run after the step being made and saves it; tries the save again where a run that is done is not saved. */
  stop: { params: undefined; result: null };
  /** Saves after the step being made; nothing happens when no run is going. */
  save: { params: undefined; result: null };
  listCheckpoints: { params: undefined; result: CheckpointSummary[] };
  /** Takes a saved run up, loading the demo's model and data by itself; the run is then paused: call `resume`. */
  restore: { params: { key: string }; result: RestoredRun };
  deleteCheckpoint: { params: { key: string }; result: CheckpointSummary[] };
  /** Keeps a checkpoint whatever the retention rule says, or no longer. */
  pinCheckpoint: { params: { key: string; isPinned: boolean }; result: CheckpointSummary[] };
  savedUsage: { params: undefined; result: Usage };
  /** Reads every stored byte against its hash and mends what can be mended; answers what was found. */
  repairSaved: {
    params: undefined;
    result: { words: string[]; checkpoints: CheckpointSummary[] };
  };
  /** All runs and their data in one file, and back; each says in sentences what was left out or came in. */
  exportAllRuns: { params: undefined; result: { file: AdapterFile; words: string[] } };
  importAllRuns: {
    params: { file: File };
    result: { words: string[]; checkpoints: CheckpointSummary[] };
  };
  downloadCheckpoint: { params: { key: string }; result: AdapterFile };
  importCheckpoint: { params: { file: File }; result: CheckpointSummary };
  /** The PEFT files of a checkpoint; null takes the newest state of the current run. */
  exportAdapter: {
    params: { key: string | null };
    result: { files: AdapterFile[]; zip: AdapterFile };
  };
  /** Text goes out as `token` events with this id; the answer is the whole text. */
  generate: {
    params: {
      requestId: number;
      prompt: string;
      useAdapter: boolean;
      maxNewTokens: number;
      temperature: number;
    };
    result: string;
  };
  cancelGenerate: { params: { requestId: number }; result: null };
}

export type CallName = keyof Calls;
export type SaveReason = "steps" | "pause" | "stop" | "hidden" | "end";

export type Command = {
  [Name in CallName]: { id: number; name: Name; params: Calls[Name]["params"] };
}[CallName];

/** Asks whether the worker still hears; it answers at once with a pong. */
export interface Ping {
  name: "ping";
}

export type Answer =
  | { kind: "answer"; id: number; result: unknown }
  | { kind: "refusal"; id: number; error: PlainError };

export type RebuildReason =
  "every-steps" | "every-minutes" | "above-bytes" | "device-lost" | "out-of-memory";

/** An engine on the device, and what it does to fit: both change the time a step takes, never what is learned. */
export interface EngineReport {
  /** What runs, which is the reference where the compiled engine has no kernels for the model. */
  engine: EngineName;
  plannedBytes: number;
  layers: number;
  /** Layers that compute their activations twice rather than keep them. */
  recomputedLayers: number;
  /** Rows of a micro-batch, and how many of them go through the device at a time. */
  rows: number;
  rowsPerPass: number;
}

export type SessionEvent =
  | { kind: "device"; device: DeviceInfo }
  | { kind: "engine"; report: EngineReport }
  /** Bytes of a model or data set on its way; total is null while unknown. `doing` is e.g. "Downloading model.safetensors". */
  | { kind: "loading"; doing: string; doneBytes: number; totalBytes: number | null }
  | { kind: "run"; phase: RunPhase }
  /** The GPU or the database keeps the run waiting, far longer than usual; null when it has answered after all. */
  | { kind: "waiting"; fault: PlainError | null }
  | {
      kind: "step";
      entry: LogEntry;
      totalSteps: number;
      /** All tokens fed per second, padding left out, smoothed. */
      tokensPerSecond: number;
      remainingMs: number;
      plannedBytes: number;
      allocatedBytes: number;
    }
  | { kind: "evaluated"; step: number; heldOutLoss: number }
  | {
      kind: "saved";
      reason: SaveReason;
      checkpoint: CheckpointSummary;
      /** Why the data set is not kept beside it; null when it is. */
      dataError: PlainError | null;
      /** Null when the browser could not list them just now. */
      checkpoints: CheckpointSummary[] | null;
    }
  /** Saving failed; the run goes on in memory. */
  | { kind: "saveFailed"; step: number; error: PlainError }
  | {
      kind: "rebuilt";
      step: number;
      reason: RebuildReason;
      beforeBytes: number;
      /** Bytes right after the old device was given up. */
      releasedBytes: number;
      afterBytes: number;
      durationMs: number;
    }
  /** `error` says why there is no answer to the prompt. */
  | {
      kind: "sample";
      which: "before" | "after";
      prompt: string;
      text: string;
      error: PlainError | null;
    }
  | { kind: "token"; requestId: number; text: string };

export type RunPhase =
  | { name: "idle" }
  /** Model going to the device, held-out loss and sample before the first step. */
  | { name: "preparing"; doing: string }
  | { name: "running" }
  | { name: "pausing" }
  /** Not saved where the save failed: it is in memory alone. */
  | { name: "paused"; step: number; isSaved: boolean }
  /** The device was lost; the run is safe at `safeStep` and goes on in `waitMs`, counted from this event. */
  | { name: "recovering"; message: string; safeStep: number; waitMs: number; error: PlainError }
  | { name: "done"; step: number; stoppedEarly: boolean; isSaved: boolean }
  /** Saved up to `safeStep`. Not saved where this tab holds a later `step` that found no room. */
  | { name: "failed"; error: PlainError; safeStep: number | null; step: number; isSaved: boolean };

export type Message = Answer | { kind: "event"; event: SessionEvent } | { kind: "pong" };
