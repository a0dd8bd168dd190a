// The words between page and worker: calls with one answer each, and events. Closed unions; both
// sides switch exhaustively.
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import type { Usage } from "../checkpoint/usage.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { PlainError } from "../util/errors.ts";
import type {
  ModelSource,
  DeviceInfo,
  ModelInfo,
  ModelOffer,
  KeptModel,
  ListedModel,
  LoadSource,
} from "../models/facts.ts";
import type { EngineName } from "../engine/contract.ts";
import type { DataSource, DataInfo, RunPlan, RestoredRun, RunEvent } from "../run/events.ts";

export type {
  ModelSource,
  HubSource,
  DeviceInfo,
  ModelInfo,
  FormatOffer,
  ModelOffer,
  KeptModel,
  ListedModel,
  LoadSource,
} from "../models/facts.ts";
export type { EngineName, EngineReport } from "../engine/contract.ts";
export type {
  DataSource,
  DataInfo,
  PreviewToken,
  RunPlan,
  RestoredRun,
  SaveReason,
  RebuildReason,
  RunPhase,
  RunEvent,
} from "../run/events.ts";
export type { PickedFile } from "../sources/files.ts";
export type { CheckpointSummary } from "../checkpoint/file/summary.ts";

export interface AdapterFile {
  name: string;
  blob: Blob;
}

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
  dismissDataLosses: { params: undefined; result: null };
  /**
   * Chooses the engine of runs to come; refused during a run, and the compiled one without WebGPU.
   */
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
  /**
   * Starts a new run; answers when it has set out. `adapter` starts from an existing PEFT adapter's
   * files.
   */
  start: {
    params: { recipe: Recipe; adapter: File[] | null; samplePrompt: string };
    result: { runId: string; totalSteps: number };
  };
  /** Answers when the run stands still and is saved. */
  pause: { params: undefined; result: null };
  resume: { params: undefined; result: null };
  /**
   * Takes the run of this browser from the tab that has it: that one stops and saves nothing more.
   */
  takeOver: { params: undefined; result: null };
  /**
   * Ends the run after the step being made and saves it; tries the save again where a run that is
   * done is not saved.
   */
  stop: { params: undefined; result: null };
  /** Saves after the step being made; nothing happens when no run is going. */
  save: { params: undefined; result: null };
  listCheckpoints: { params: undefined; result: CheckpointSummary[] };
  /**
   * Takes a saved run up, loading the demo's model and data by itself; the run is then paused: call
   * `resume`.
   */
  restore: { params: { key: string }; result: RestoredRun };
  deleteCheckpoint: { params: { key: string }; result: CheckpointSummary[] };
  /** Keeps a checkpoint whatever the retention rule says, or no longer. */
  pinCheckpoint: { params: { key: string; isPinned: boolean }; result: CheckpointSummary[] };
  savedUsage: { params: undefined; result: Usage };
  /**
   * Reads every stored byte against its hash and mends what can be mended; answers what was found.
   */
  repairSaved: {
    params: undefined;
    result: { words: string[]; checkpoints: CheckpointSummary[] };
  };
  /**
   * All runs and their data in one file, and back; each says in sentences what was left out or came
   * in.
   */
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

export type SessionEvent =
  | RunEvent
  | { kind: "device"; device: DeviceInfo }
  /** Text of the answer to this `generate` call. */
  | { kind: "token"; requestId: number; text: string };

export type Message = Answer | { kind: "event"; event: SessionEvent } | { kind: "pong" };
