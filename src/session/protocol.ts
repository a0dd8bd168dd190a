// The protocol between page and worker: calls with one answer each, and events. All unions are
// closed, and both sides switch exhaustively.
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import type { Usage } from "../checkpoint/usage.ts";
import type { MergedFormat, ModelType } from "../export/merged/format.ts";
import type { ValueType } from "../export/values.ts";
import type { RecipeReport } from "../recipe/import.ts";
import type { Presets } from "../recipe/presets.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { PlainError } from "../util/errors.ts";
import type {
  BaseCheck,
  BaseNaming,
  ModelSource,
  DeviceInfo,
  ModelInfo,
  ModelOffer,
  KeptModel,
  ListedModel,
  LoadSource,
} from "../models/facts.ts";
import type { RowEdit } from "../data/load/edits.ts";
import type { RowsWanted } from "../data/load/pick-rows.ts";
import type { LeavableFault } from "../data/check/row-check.ts";
import type { RowPlace } from "../data/example.ts";
import type { DataReport } from "../data/report.ts";
import type { EngineName } from "../engine/contract.ts";
import type { Verdict } from "../train/held-out.ts";
import type { PreviewedRows } from "../run/data/preview-rows.ts";
import type { DataSource, DataInfo, RunPlan, RestoredRun, RunEvent } from "../run/events.ts";
import type { MergedLosses } from "../run/merged-losses.ts";
import type { Answered } from "../run/asides/prompts.ts";
import type { RecalledSetUp, SetUpChoices } from "../run/set-up/set-up-keeper.ts";

export type {
  BaseCheck,
  BaseNaming,
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
export type { EngineName, EngineReadiness, EngineReport } from "../engine/contract.ts";
export type {
  DataFiles,
  DataSource,
  DataInfo,
  DataFile,
  RunPlan,
  RestoredRun,
  SaveReason,
  RebuildReason,
  RunEnd,
  Aside,
  BetterCheckpoint,
  RunPhase,
  RunEvent,
} from "../run/events.ts";
export type { RecalledSetUp, SetUpChoices } from "../run/set-up/set-up-keeper.ts";
export type { PreviewedRow, PreviewedRows } from "../run/data/preview-rows.ts";
export type { PreviewedText, PreviewedToken } from "../data/masks/examples.ts";
export type { LeavableFault } from "../data/check/row-check.ts";
export type { DataReport, RowList } from "../data/report.ts";
export { reportLines } from "../data/report-words.ts";
export { recipeReportWords } from "../recipe/import-words.ts";
export type { RecipeReport } from "../recipe/import.ts";
export type { PromptForm } from "../data/prompt-form.ts";
export type { RowGroup } from "../data/row-groups.ts";
export type { BadRow } from "../data/load/bad-rows.ts";
export type { FieldName, ShapeName } from "../data/shapes/reading.ts";
export type { ShapeFacts } from "../data/shapes/shape.ts";
export type { RowEdit } from "../data/load/edits.ts";
export type { Reading } from "../data/shapes/reading.ts";
export type { TableChoices } from "../formats/table.ts";
export type { Measured, Verdict } from "../train/held-out.ts";
export type { ModelType } from "../export/merged/format.ts";
export type { ValueType } from "../export/values.ts";
export type { PickedFile } from "../sources/files.ts";
export type { CheckpointSummary } from "../checkpoint/file/summary.ts";

/** Which base model a call means: the loaded one, or that of this tab's run. */
export type BaseOf = "model" | "run";

/** Saves in memory; another database beside the one that cannot be opened; or in its place. */
export type SavesChoice = "memory" | "aside" | "delete";

export interface AdapterFile {
  name: string;
  blob: Blob;
}

/** An export format, as it would carry an adapter, or why it cannot. */
export interface ExportOffer {
  /** `peft`, which comes first, or the name of another entry of export/formats.ts. */
  format: string;
  label: string;
  /** How values can be written, the usual way first; bytes of all values. */
  valueTypes: { type: ValueType; sizeBytes: number }[];
  /** What it keeps, folds or cannot carry, a sentence each; empty where it refuses. */
  notes: string[];
  refusal: PlainError | null;
}

/** An adapter in one export format. */
export interface AdapterExport {
  files: AdapterFile[];
  zip: AdapterFile;
}

/** A form of the merged model, or why it cannot be written. */
export interface MergedOffer {
  format: MergedFormat["name"];
  label: string;
  /** The types of its matrices, the usual one first, with bytes of all tensors. */
  types: { type: ModelType; sizeBytes: number; fileName: string }[];
  notes: string[];
  refusal: PlainError | null;
}

/** Where a merged model goes: what the person picked, or this page's storage, to be downloaded. */
export type MergedPlace =
  | { kind: "file"; file: FileSystemFileHandle }
  | { kind: "folder"; folder: FileSystemDirectoryHandle }
  | { kind: "storage" };

export interface MergedExport {
  /** Of the file, or of the new folder. */
  name: string;
  sizeBytes: number;
  durationMs: number;
  /** What is in the page's storage, until `discardMerged`; null for what the person picked. */
  blob: Blob | null;
}

export interface PageReport extends DataReport {
  /**
   * Whether the chat template writes an earlier answer as it wrote it when it was the last; if not,
   * `multiTurn: "each"` is the better choice. Null for data without chats.
   */
  isPrefixPreserving: boolean | null;
  /** Whether prompts look like answers and answers like questions. */
  isSwapped: boolean;
  /** Whether a chat has several trained answers; looked up where the template rewrites them. */
  hasSeveralAnswers: boolean;
}

/** Every call with its parameters and its result. */
export interface Calls {
  /** First call: finds the device and lists what is saved. */
  open: {
    params: undefined;
    result: {
      device: DeviceInfo;
      checkpoints: CheckpointSummary[];
      /** Data losses and damage since the last time, a sentence each. */
      notices: string[];
      /** Why the saved runs cannot be opened, in which case `chooseSaves` comes next. */
      storeFault: PlainError | null;
    };
  };
  /** What to do where the saved runs cannot be opened; `file` has what could be read of them. */
  chooseSaves: {
    params: { choice: SavesChoice };
    result: { file: AdapterFile | null; words: string[]; checkpoints: CheckpointSummary[] };
  };
  /** Databases of saved runs that were set aside, by name, the oldest first. */
  listAside: { params: undefined; result: string[] };
  deleteAside: { params: { name: string }; result: string[] };
  /** The person has read the notices of `open`. */
  dismissDataLosses: { params: undefined; result: null };
  /** Chooses the engine of later runs. Refused during a run; the compiled one needs WebGPU. */
  chooseEngine: { params: { engine: EngineName }; result: DeviceInfo };
  /** Opens a model's description and prices it on this device, without its weights. */
  lookUpModel: {
    params: { source: ModelSource; recipe: Recipe };
    result: ModelOffer;
  };
  /** Loads the demo, a stored model, or the offer with this id in one of its formats. */
  loadModel: { params: { source: LoadSource }; result: ModelInfo };
  /**
   * Cancels the look-up or load under way, and `plan` where it makes tokens; a later download
   * resumes what is there.
   */
  cancelLoad: { params: undefined; result: null };
  /** By which name adapters call the base model: of the loaded model, or of this tab's run. */
  baseName: { params: { of: BaseOf }; result: BaseNaming };
  /** Says it; null for none that is known. Kept with the stored model and the run's next save. */
  nameBase: { params: { of: BaseOf; name: string | null }; result: BaseNaming };
  /** Asks the hub whether it has this name, and whether the sizes agree. `cancelLoad` cancels. */
  checkBaseName: {
    params: { of: BaseOf; name: string; endpoint: string | null; token: string | null };
    result: BaseCheck;
  };
  listModels: { params: { recipe: Recipe }; result: ListedModel[] };
  /** Newest use first. */
  listKeptModels: { params: undefined; result: KeptModel[] };
  deleteKeptModel: { params: { key: string }; result: KeptModel[] };
  /**
   * Fetches a file from an address that the page's own address names, which the page's policy lets
   * only after consent. Emits `loading` events; `cancelLoad` cancels.
   */
  fetchLinked: { params: { address: string; kind: "data" | "recipe" }; result: File };
  /**
   * Opens data and counts their rows, with `loading` events. Refused as "many-bad-rows" when more
   * than a tenth is bad and `acceptBadRows` is not set.
   */
  loadData: { params: { source: DataSource }; result: DataInfo };
  /** Leaves rows out or writes them otherwise: all edits, those before are replaced. */
  editData: { params: { edits: RowEdit[] }; result: DataInfo };
  /**
   * Rows from this number on, from 1, with their tokens: `count` of them, or of those that contain
   * the text `search`. A new call cancels the one before.
   */
  previewRows: { params: { recipe: Recipe } & RowsWanted; result: PreviewedRows };
  /** What becomes of all rows: lengths, and which are cut, left out, repeated. */
  reportData: { params: { recipe: Recipe }; result: PageReport };
  /** The rows to leave out, by edits, so that a fault of the report is mended. */
  rowsToLeave: { params: { recipe: Recipe; fault: LeavableFault }; result: RowPlace[] };
  /** The usable rows with their edits as JSON Lines; the bad rows with their reasons. */
  downloadRows: { params: undefined; result: AdapterFile };
  downloadBadRows: { params: undefined; result: AdapterFile };
  /** Cancels a preview, a search or a download of rows. */
  cancelRows: { params: undefined; result: null };
  /**
   * Reads a recipe file, also of another tool, over the recipe that the page would choose;
   * `leftOut` are the options that the file does not set.
   */
  readRecipe: {
    params: { file: File };
    result: { recipe: Recipe; report: RecipeReport; leftOut: Partial<Recipe> };
  };
  /**
   * The presets for the loaded model and data; makes tokens, as `plan` does, by the rules of
   * `recipe`.
   */
  presets: { params: { recipe: Recipe }; result: Presets };
  plan: { params: { recipe: Recipe }; result: RunPlan };
  /**
   * Milliseconds from the start of a run to its last step, as measured on this device, earlier or,
   * with `mayMeasure`, now. Null where nothing is known; a call that needs the device, as `start`
   * does, ends a measurement.
   */
  runTime: { params: { recipe: Recipe; mayMeasure: boolean }; result: number | null };
  /** Keeps the set-up, with the loaded model, for the next visit; a later call ends this one. */
  keepSetUp: { params: SetUpChoices; result: null };
  /** The set-up of the last visit; null without one. */
  recallSetUp: { params: undefined; result: RecalledSetUp | null };
  clearSetUp: { params: undefined; result: null };
  /**
   * Starts a new run; answers when it is active. `adapter`: files of a PEFT or MLX adapter to start
   * from; `words` says what was made of it, a sentence each.
   */
  start: {
    params: { recipe: Recipe; adapter: File[] | null; samplePrompt: string };
    result: { runId: string; totalSteps: number; verdict: Verdict; words: string[] };
  };
  /** Answers when the run is paused and saved. */
  pause: { params: undefined; result: null };
  resume: { params: undefined; result: null };
  /** Takes the browser's run over from the tab that has it, which stops and saves nothing more. */
  takeOver: { params: undefined; result: null };
  /** Ends the run after the current step and saves it; tries again where the end is not saved. */
  stop: { params: undefined; result: null };
  /** Ends the sample or the measurement at a stop that is under way; the run goes on. */
  skip: { params: undefined; result: null };
  /** Saves after the current step; nothing happens when no run is active. */
  save: { params: undefined; result: null };
  listCheckpoints: { params: undefined; result: CheckpointSummary[] };
  /** Opens a saved run, with model and data where this browser has them. `resume` continues it. */
  restore: { params: { key: string }; result: RestoredRun };
  deleteCheckpoint: { params: { key: string }; result: CheckpointSummary[] };
  /** Pins a checkpoint, which retention then never deletes, or unpins it. */
  pinCheckpoint: { params: { key: string; isPinned: boolean }; result: CheckpointSummary[] };
  /** Names a run; null gives it back the name of its model and data. */
  renameRun: { params: { runId: string; name: string | null }; result: CheckpointSummary[] };
  savedUsage: { params: undefined; result: Usage };
  /** Verifies every stored byte against its hash and repairs what it can; answers the findings. */
  repairSaved: {
    params: undefined;
    result: { words: string[]; checkpoints: CheckpointSummary[] };
  };
  /** Exports all runs with their data as one file, and imports it; `words` says what it did. */
  exportAllRuns: { params: undefined; result: { file: AdapterFile; words: string[] } };
  importAllRuns: {
    params: { file: File };
    result: { words: string[]; checkpoints: CheckpointSummary[] };
  };
  /** Cancels a check, an export or an import, each of which has `savedProgress` events. */
  cancelSaved: { params: undefined; result: null };
  downloadCheckpoint: { params: { key: string }; result: AdapterFile };
  importCheckpoint: { params: { file: File }; result: CheckpointSummary };
  /** What each format would carry of a checkpoint's adapter; null for the run's newest state. */
  listExports: { params: { key: string | null }; result: ExportOffer[] };
  /** Writes such an adapter in one format, with `exportProgress` events of this id. */
  exportAdapter: {
    params: { requestId: number; key: string | null; format: string; valueType: ValueType };
    result: AdapterExport;
  };
  /** The recipe as a script of TRL and PEFT with the rows of the loaded data, zipped. */
  sameRun: { params: { recipe: Recipe }; result: AdapterFile };
  /** The forms of the merged model of that adapter. */
  listMerged: { params: { key: string | null }; result: MergedOffer[] };
  /**
   * Writes the model with the adapter merged in, with `exportProgress` events. A folder in one file
   * is an archive. What fails or is cancelled leaves nothing.
   */
  exportMerged: {
    params: {
      requestId: number;
      key: string | null;
      format: MergedFormat["name"];
      type: ModelType;
      place: MergedPlace;
    };
    result: MergedExport;
  };
  /** Removes what such a call has put into the page's storage. */
  discardMerged: { params: { requestId: number }; result: null };
  /**
   * The loss on the held-out rows of base, base with adapter, and merged model in this type, with
   * `exportProgress` events of the weights read for it. `words` says whether merging loses much.
   */
  compareMerged: {
    params: { requestId: number; key: string | null; type: ModelType };
    result: MergedLosses & { rows: number; isWorse: boolean; words: string };
  };
  /** Cancels `exportAdapter`, `exportMerged` or `compareMerged`. */
  cancelExport: { params: { requestId: number }; result: null };
  /**
   * Prompts the model. Text comes as `token` events with this id; the result is the whole text and
   * the step of the adapter that wrote it, 0 without an adapter.
   */
  generate: {
    params: {
      requestId: number;
      prompt: string;
      useAdapter: boolean;
      /** Of a checkpoint whose adapter answers, of a run at rest; left out for the present one. */
      key?: string | undefined;
      maxNewTokens: number;
      temperature: number;
    };
    result: Answered;
  };
  cancelGenerate: { params: { requestId: number }; result: null };
}

export type CallName = keyof Calls;

export type Command = {
  [Name in CallName]: { id: number; name: Name; params: Calls[Name]["params"] };
}[CallName];

/** Asks whether the worker still answers; it answers at once with a pong. */
export interface Ping {
  name: "ping";
}

export type Answer =
  | { kind: "answer"; id: number; result: unknown }
  | { kind: "refusal"; id: number; error: PlainError };

export type SessionEvent =
  | RunEvent
  | { kind: "device"; device: DeviceInfo }
  /** Of the check, export or import of saved runs; bytes may count twice, read and written. */
  | { kind: "savedProgress"; doneBytes: number; totalBytes: number }
  /** Of this `exportAdapter`, `exportMerged` or `compareMerged` call, where it takes long. */
  | { kind: "exportProgress"; requestId: number; doneBytes: number; totalBytes: number }
  /** Text of the answer to this `generate` call. */
  | { kind: "token"; requestId: number; text: string };

export type Message = Answer | { kind: "event"; event: SessionEvent } | { kind: "pong" };
