// Answers the page's calls: what is loaded, what is running, what is saved.
import { initialAdapter } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { AdapterState } from "../adapter/state.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { batchLength } from "../data/batch.ts";
import type { WasmPaths } from "../engine/open.ts";
import type { RenderChats } from "../model/chat-template/render.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { initialState } from "../train/trainer.ts";
import { UserError } from "../util/errors.ts";
import { engineFor } from "../engine/run-bytes.ts";
import { checkAdapter } from "../run/check-adapter.ts";
import { exportAdapter } from "./adapter-files.ts";
import { listedModels } from "../models/catalogue-offers.ts";
import { readStartAdapter } from "../run/start-adapter.ts";
import { describeData, identityOf, loadData, openData, type LoadedData } from "../run/data-file.ts";
import { datasetFor, planRun, refuseNoTarget, samplePromptOf } from "../run/plan.ts";
import type { Calls, SessionEvent } from "./protocol.ts";
import { Preview } from "../run/base-preview.ts";
import { readRecipeFile } from "./recipe-file.ts";
import type { DeviceEnginePlan } from "../run/device-engine.ts";
import { Run, type RunParts } from "../run/run.ts";
import { noticesOf, SavedCalls } from "./saved-calls.ts";
import { ModelLibrary } from "../models/library.ts";
import { RunLock } from "./run-lock.ts";
import type { DeviceInfo, KeptModel, ListedModel, ModelInfo, ModelOffer } from "../models/facts.ts";
import type { RestoredRun } from "../run/events.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import { describeModel } from "../models/describe.ts";

export interface SessionParts {
  store: CheckpointStore;
  device: DeviceInfo;
  demoBase: URL;
  wasmPaths: WasmPaths;
  /** Where chat templates run; where the session runs unless given. */
  render?: RenderChats;
  emit: (event: SessionEvent) => void;
}

export class Session {
  /** Saved runs, but for taking one up. */
  readonly saved: SavedCalls;
  readonly #parts: SessionParts;
  #device: DeviceInfo;
  #model: LoadedModel | null = null;
  readonly #library: ModelLibrary;
  /** Calls off the look-up or load under way. */
  #loadAbort: AbortController | null = null;
  #data: LoadedData | null = null;
  #run: Run | null = null;
  #preview: Preview | null = null;
  readonly #tab = new RunLock((reason) => {
    void this.#surrender(reason);
  });
  #isHolding = false;
  readonly #generations = new Map<number, AbortController>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#device = parts.device;
    this.saved = new SavedCalls(parts.store);
    const report = (doing: string, doneBytes: number, totalBytes: number | null) => {
      parts.emit({ kind: "loading", doing, doneBytes, totalBytes });
    };
    const { demoBase, render } = parts;
    const onDamaged = (model: LoadedModel) => {
      this.#model = this.#model === model ? null : this.#model;
    };
    this.#library = new ModelLibrary({
      demoBase,
      report,
      onDamaged,
      ...(render !== undefined && { render }),
    });
  }

  async open(): Promise<Calls["open"]["result"]> {
    const { store, emit } = this.#parts;
    emit({ kind: "device", device: this.#device });
    const report = await store.open();
    return { device: this.#device, checkpoints: report.checkpoints, notices: noticesOf(report) };
  }

  async chooseEngine({ engine }: Calls["chooseEngine"]["params"]): Promise<DeviceInfo> {
    this.#refuseWhileRunning();
    if (engine === "webgpu" && this.#device.backend !== "webgpu") {
      throw new UserError("unexpected", "The compiled engine needs WebGPU.", {
        remedy: "Use a browser with WebGPU, or stay with the reference engine.",
      });
    }
    await this.#closePreview();
    this.#device = { ...this.#device, engine };
    this.#parts.emit({ kind: "device", device: this.#device });
    return this.#device;
  }

  async lookUpModel({ source, recipe }: Calls["lookUpModel"]["params"]): Promise<ModelOffer> {
    return await this.#abortable((signal) =>
      this.#library.lookUp(source, recipe, this.#device, signal),
    );
  }

  async loadModel({ source }: Calls["loadModel"]["params"]): Promise<ModelInfo> {
    this.#refuseWhileRunning();
    const model = await this.#abortable((signal) => this.#library.load(source, signal));
    await this.#closePreview();
    this.#model = model;
    return describeModel(model);
  }

  cancelLoad(): null {
    this.#loadAbort?.abort();
    return null;
  }

  async listModels({ recipe }: Calls["listModels"]["params"]): Promise<ListedModel[]> {
    this.#refuseWhileRunning();
    return await listedModels(recipe, this.#library.memory, this.#device);
  }

  async listKeptModels(): Promise<KeptModel[]> {
    return await this.#library.kept();
  }

  async deleteKeptModel({ key }: Calls["deleteKeptModel"]["params"]): Promise<KeptModel[]> {
    return await this.#library.deleteKept(key);
  }

  async #abortable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#loadAbort = abort;
    try {
      return await work(abort.signal);
    } finally {
      this.#loadAbort = this.#loadAbort === abort ? null : this.#loadAbort;
    }
  }

  async loadData({ source }: Calls["loadData"]["params"]): Promise<Calls["loadData"]["result"]> {
    this.#refuseWhileRunning();
    const data = await this.#abortable((signal) => loadData(source, this.#parts.demoBase, signal));
    this.#data = data;
    return describeData(data);
  }

  async readRecipe({ file }: Calls["readRecipe"]["params"]): Promise<Recipe> {
    return await readRecipeFile(file, this.#model);
  }

  async plan({ recipe }: Calls["plan"]["params"]): Promise<Calls["plan"]["result"]> {
    return await planRun(this.#loadedModel(), this.#loadedData(), recipe, this.#device.engine);
  }

  async start(params: Calls["start"]["params"]): Promise<Calls["start"]["result"]> {
    this.#refuseWhileRunning();
    this.#refuseToDropUnsaved();
    return await this.#holding(() => this.#begin(params));
  }

  async #begin(params: Calls["start"]["params"]): Promise<Calls["start"]["result"]> {
    const model = this.#loadedModel();
    const data = this.#loadedData();
    const { recipe, adapter } = await this.#startingPoint(model, params);
    const startedAt = Date.now();
    const dataset = await datasetFor(model, data, recipe, startedAt);
    const trainer = initialState(dataset, recipe);
    const state: RunState = {
      runId: crypto.randomUUID(),
      startedAt,
      recipe,
      base: {
        source: model.source,
        name: model.name,
        revision: model.revision,
        indexSha256: model.indexSha256,
        weightFormat: model.format,
        licence: model.licence,
      },
      data: identityOf(data, dataset),
      trainer,
      adapter,
    };
    const run = await this.#openRun(state, {
      model,
      data,
      dataset,
      samplePrompt: params.samplePrompt,
    });
    run.go();
    return { runId: state.runId, totalSteps: trainer.totalSteps };
  }

  async pause(): Promise<null> {
    await this.#currentRun().interrupt("pause");
    return null;
  }

  async resume(): Promise<null> {
    const run = this.#currentRun();
    this.#refuseWhileRunning();
    await this.#holding(() => {
      run.go();
    });
    return null;
  }

  async takeOver(): Promise<null> {
    this.#refuseWhileRunning();
    await this.#tab.take(true);
    return null;
  }

  /**
   * Does what needs this browser's run, one at a time; other tabs may have it again when no run of
   * this one can go on afterwards.
   */
  async #holding<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isHolding) {
      throw new UserError("busy", "A run is being prepared or saved.", {
        remedy: "Wait until that is done, then try again.",
      });
    }
    this.#isHolding = true;
    try {
      await this.#tab.take();
      return await work();
    } finally {
      this.#isHolding = false;
      if (this.#run === null || this.#run.isOver) {
        this.#tab.release();
      }
    }
  }

  /** Another tab has the run: what is held in memory here is soon out of date. */
  async #surrender(reason: UserError): Promise<void> {
    const run = this.#run;
    this.#run = null;
    await run?.surrender(reason);
  }

  async stop(): Promise<null> {
    const run = this.#currentRun();
    // A run that goes on holds it.
    await (run.isGoing ? run.interrupt("stop") : this.#holding(() => run.interrupt("stop")));
    return null;
  }

  save(): null {
    this.#run?.requestSave();
    return null;
  }

  async restore({ key }: Calls["restore"]["params"]): Promise<RestoredRun> {
    this.#refuseWhileRunning();
    this.#refuseToDropUnsaved();
    // Held before it is read: a run in another tab may have thinned the checkpoint out by now.
    return await this.#holding(() => this.#takeUp(key));
  }

  async #takeUp(key: string): Promise<RestoredRun> {
    const state = await this.#parts.store.loadCheckpoint(key);
    const model = await this.#modelOf(state);
    const data = await this.#dataOf(state);
    const dataset = await datasetFor(model, data, state.recipe, state.startedAt);
    const samplePrompt = samplePromptOf(data.examples, dataset);
    await this.#openRun(state, { model, data, dataset, samplePrompt });
    const { runId, recipe, trainer } = state;
    return {
      runId,
      recipe,
      step: trainer.step,
      totalSteps: trainer.totalSteps,
      log: trainer.log,
      model: describeModel(model),
      data: describeData(data),
    };
  }

  async exportAdapter({
    key,
  }: Calls["exportAdapter"]["params"]): Promise<Calls["exportAdapter"]["result"]> {
    return await exportAdapter(key, this.#run, this.#parts.store);
  }

  async generate({ requestId, ...prompting }: Calls["generate"]["params"]): Promise<string> {
    const abort = new AbortController();
    this.#generations.set(requestId, abort);
    const onText = (text: string) => {
      this.#parts.emit({ kind: "token", requestId, text });
    };
    try {
      return this.#run === null
        ? await this.#answerBase(prompting, onText, abort.signal)
        : await this.#run.answer(prompting, onText, abort.signal);
    } finally {
      this.#generations.delete(requestId);
    }
  }

  /** Before any run there is only the model as it came. */
  async #answerBase(
    prompting: Omit<Calls["generate"]["params"], "requestId">,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    if (prompting.useAdapter) {
      throw new UserError("no-adapter", "There is no adapter yet.", {
        remedy: "Train or resume a run, or switch the adapter off.",
      });
    }
    const model = this.#loadedModel();
    const { emit, wasmPaths } = this.#parts;
    const { backend } = this.#device;
    const engine = engineFor(this.#device.engine, model);
    this.#preview ??= new Preview(model, { engine, backend, wasmPaths }, (fault) => {
      emit({ kind: "waiting", fault });
    });
    const isChat = this.#data?.examples[0]?.kind === "chat";
    return await this.#preview.answer({ ...prompting, isChat, seed: 0 }, onText, signal);
  }

  async #closePreview(): Promise<void> {
    await this.#preview?.release();
    this.#preview = null;
  }

  cancelGenerate({ requestId }: Calls["cancelGenerate"]["params"]): null {
    this.#generations.get(requestId)?.abort();
    return null;
  }

  /**
   * A fresh adapter, or the one the visitor starts from: its rank, alpha and modules then win over
   * the recipe's.
   */
  async #startingPoint(
    model: LoadedModel,
    { recipe, adapter }: Calls["start"]["params"],
  ): Promise<{ recipe: Recipe; adapter: AdapterState }> {
    if (adapter !== null) {
      return await readStartAdapter(adapter, model.config, recipe);
    }
    const targets = loraTargets(model.config, recipe);
    refuseNoTarget(model, recipe, targets.length);
    return { recipe, adapter: initialAdapter(targets, recipe.rank, recipe.seed) };
  }

  /** To be called while this tab holds the run. */
  async #openRun(
    state: RunState,
    {
      model,
      ...given
    }: Pick<RunParts, "data" | "dataset" | "samplePrompt"> & { model: LoadedModel },
  ): Promise<Run> {
    checkAdapter(state, model);
    await this.#closePreview();
    await this.#run?.release();
    const { store, wasmPaths } = this.#parts;
    const { recipe } = state;
    const enginePlan: DeviceEnginePlan = {
      engine: engineFor(this.#device.engine, model),
      backend: this.#device.backend,
      wasmPaths,
      model,
      lora: recipe,
      shape: { rows: recipe.batchSize, length: batchLength(given.dataset.longestRow) },
      labelSmoothing: recipe.labelSmoothing,
    };
    const run = new Run({
      ...given,
      state,
      enginePlan,
      store,
      write: (work) => this.#tab.write(work),
      emit: (event) => {
        // Other tabs may train once this run is over, unless the next one has begun here.
        if (event.kind === "run" && run.isOver && this.#run === run) {
          this.#tab.release();
        }
        this.#parts.emit(event);
      },
    });
    this.#tab.requireHeld();
    this.#run = run;
    return run;
  }

  async #modelOf({ base }: RunState): Promise<LoadedModel> {
    const isLoaded = () =>
      this.#model !== null &&
      [this.#model.indexSha256, this.#model.formerSha256].includes(base.indexSha256) &&
      this.#model.format === base.weightFormat;
    if (!isLoaded() && base.source === "demo") {
      await this.loadModel({ source: { kind: "demo" } });
    } else if (!isLoaded()) {
      const recalled = await this.#library.recall(base.indexSha256, base.weightFormat);
      await this.#closePreview();
      this.#model = recalled ?? this.#model;
    }
    if (this.#model === null || !isLoaded()) {
      throw new UserError(
        "wrong-base-model",
        `This run trains ${base.name}; that model is not loaded.`,
        { where: base.name, remedy: `Choose the folder of ${base.name} under Model, then resume.` },
      );
    }
    return this.#model;
  }

  async #dataOf({ data }: RunState): Promise<LoadedData> {
    if (this.#data?.sha256 === data.sha256) {
      return this.#data;
    }
    const kept = await this.#parts.store.loadDataFile(data.sha256);
    if (kept !== null) {
      const source = data.source === "demo" ? "demo" : "file";
      this.#data = await openData(source, data.name, kept);
    } else if (data.source === "demo") {
      await this.loadData({ source: { kind: "demo" } });
    }
    if (this.#data?.sha256 !== data.sha256) {
      throw new UserError(
        "wrong-data",
        `This run trains on ${data.name}; that file is not loaded.`,
        {
          where: data.name,
          remedy: `Choose ${data.name} (${data.rows} rows, unchanged) under Data, then resume.`,
        },
      );
    }
    return this.#data;
  }

  #currentRun(): Run {
    if (this.#run === null) {
      throw new UserError("no-adapter", "There is no run.", {
        remedy: "Start a run or resume a saved one.",
      });
    }
    return this.#run;
  }

  #refuseWhileRunning(): void {
    if (this.#run?.isGoing) {
      throw new UserError("busy", "A run is going on.", { remedy: "Pause or stop it first." });
    }
  }

  /** The next run takes the place of the one before. */
  #refuseToDropUnsaved(): void {
    if (this.#run?.isUnsaved) {
      throw new UserError("busy", "The last run is not saved.", {
        remedy: "Make room and save it first, or reload the page to give it up.",
      });
    }
  }

  #loadedModel(): LoadedModel {
    if (this.#model === null) {
      throw new UserError("missing-file", "No model is loaded.", { remedy: "Choose a model." });
    }
    return this.#model;
  }

  #loadedData(): LoadedData {
    if (this.#data === null) {
      throw new UserError("empty-data", "No data is loaded.", { remedy: "Choose a data file." });
    }
    return this.#data;
  }
}
