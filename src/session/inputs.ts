// The inputs of the next run: engine, model and data as the page chooses them, and the preview of
// the base model on them.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { WasmPaths } from "../engine/open.ts";
import { engineFor } from "../engine/run-bytes.ts";
import type { TemplateRenderer } from "../model/chat-template/render.ts";
import { listedModels } from "../models/catalogue-offers.ts";
import { describeModel } from "../models/describe.ts";
import type { DeviceInfo, KeptModel, ListedModel, ModelInfo, ModelOffer } from "../models/facts.ts";
import { ModelLibrary } from "../models/library.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import { recipeModulesOf } from "../adapter/targets.ts";
import type { Presets } from "../recipe/presets.ts";
import { defaultRecipe, maxRecipeBytes, type Recipe } from "../recipe/recipe.ts";
import { Preview } from "../run/base-preview.ts";
import { AheadOfRun } from "../run/compiled-ahead.ts";
import { describeData } from "../run/data/describe.ts";
import { openData, openSavedData, type LoadedData } from "../run/data/loaded-data.ts";
import { presetsOf } from "../run/data/presets.ts";
import { TokenCache } from "../run/data/token-cache.ts";
import type { DataInfo, RunPlan } from "../run/events.ts";
import { datasetFor, planRun } from "../run/plan.ts";
import { SetUpKeeper } from "../run/set-up/set-up-keeper.ts";
import type { SetUpStore } from "../run/set-up/set-up-store.ts";
import { RunTiming, type PlannedRun } from "../run/timing/run-timing.ts";
import { fetchLinked } from "../sources/linked-file.ts";
import { demoDataName, fetchDemoData } from "../sources/demo.ts";
import { UserError } from "../util/errors.ts";
import { fetched } from "../util/later.ts";
import { shownPath, shownText } from "../util/shown-text.ts";
import type { Calls, SessionEvent } from "./protocol.ts";
import type { ReadRecipe } from "./recipe-file.ts";
import { isRunHeld } from "./tab-lock.ts";

/** More is better downloaded once and chosen. */
const maxLinkedDataBytes = 512e6;

export interface InputsParts {
  store: Pick<CheckpointStore, "loadDataFile">;
  device: DeviceInfo;
  demoBase: URL;
  wasmPaths: WasmPaths;
  /** What is kept for the next visit; in this browser's storage where it is left out. */
  setUpStore?: SetUpStore;
  /** Renders chat templates; in this thread where it is left out. */
  render?: TemplateRenderer | undefined;
  emit: (event: SessionEvent) => void;
  /** Throws UserError "busy" while a run is active, which keeps its inputs. */
  refuseWhileActive: () => void;
  /** Releases the device of a run that is over; false while one needs it, here or in a tab. */
  freeRunDevice: () => Promise<boolean>;
}

export class Inputs {
  readonly #parts: InputsParts;
  readonly #library: ModelLibrary;
  /** The tokens of the loaded data for the loaded model. */
  readonly tokens: TokenCache;
  /** Of the run that is planned. */
  readonly ahead = new AheadOfRun();
  readonly timing: RunTiming;
  /** What is kept for the next visit. */
  readonly setUp: SetUpKeeper;
  #device: DeviceInfo;
  #model: LoadedModel | null = null;
  #data: LoadedData | null = null;
  #preview: Preview | null = null;
  /** Cancels the look-up or load under way. */
  #loadAbort: AbortController | null = null;

  constructor(parts: InputsParts) {
    const { demoBase, render, device, emit, wasmPaths, setUpStore } = parts;
    this.#parts = parts;
    this.#device = device;
    this.timing = new RunTiming(wasmPaths, this.ahead);
    this.tokens = new TokenCache((doneBytes, totalBytes) => {
      emit({ kind: "tokenizing", doneBytes, totalBytes });
    });
    this.#library = new ModelLibrary({
      demoBase,
      render,
      report: (doing, doneBytes, totalBytes) => {
        emit({ kind: "loading", doing, doneBytes, totalBytes });
      },
      onLost: (model) => {
        this.#model = this.#model === model ? null : this.#model;
      },
    });
    this.setUp = new SetUpKeeper({
      model: () => this.#model,
      keyOf: (identity) => this.#library.keyOf(identity),
      ...(setUpStore && { store: setUpStore }),
    });
  }

  get device(): DeviceInfo {
    return this.#device;
  }

  /** @throws UserError "missing-file" while none is loaded */
  get model(): LoadedModel {
    if (this.#model === null) {
      throw new UserError("missing-file", "No model is loaded.", { remedy: "Choose a model." });
    }
    return this.#model;
  }

  /** @throws UserError "empty-data" while none is loaded */
  get data(): LoadedData {
    if (this.#data === null) {
      throw new UserError("empty-data", "No data is loaded.", { remedy: "Choose a data file." });
    }
    return this.#data;
  }

  async chooseEngine({ engine }: Calls["chooseEngine"]["params"]): Promise<DeviceInfo> {
    this.#parts.refuseWhileActive();
    if (engine === "webgpu" && this.#device.backend !== "webgpu") {
      throw new UserError("unexpected", "The compiled engine needs WebGPU.", {
        remedy: "Use a browser with WebGPU, or keep the reference engine.",
      });
    }
    await this.freeDevice();
    await this.ahead.release();
    this.#device = { ...this.#device, engine };
    this.#parts.emit({ kind: "device", device: this.#device });
    return this.#device;
  }

  async lookUpModel({ source, recipe }: Calls["lookUpModel"]["params"]): Promise<ModelOffer> {
    await this.timing.cancel(); // the device's memory is tried
    return await this.cancellable((signal) =>
      this.#library.lookUp(source, recipe, this.#device, signal),
    );
  }

  async loadModel({ source }: Calls["loadModel"]["params"]): Promise<ModelInfo> {
    this.#parts.refuseWhileActive();
    const model = await this.cancellable((signal) => this.#library.load(source, signal));
    await this.freeDevice();
    await this.ahead.release();
    this.#model = model;
    return describeModel(model);
  }

  async fetchLinked({ address, kind }: Calls["fetchLinked"]["params"]): Promise<File> {
    const progress = (doneBytes: number, totalBytes: number | null) => {
      const doing = kind === "data" ? "Fetching the data" : "Fetching the recipe";
      this.#parts.emit({ kind: "loading", doing, doneBytes, totalBytes });
    };
    const most = kind === "data" ? maxLinkedDataBytes : maxRecipeBytes;
    return await this.cancellable((signal) => fetchLinked(address, most, progress, signal));
  }

  async loadData({ source }: Calls["loadData"]["params"]): Promise<DataInfo> {
    this.#parts.refuseWhileActive();
    return this.#use(
      await this.cancellable(async (signal) => {
        if (source.kind === "demo") {
          const blob = await fetchDemoData(this.#parts.demoBase, signal);
          const files = [{ path: demoDataName, blob }];
          return await openData("demo", files, {}, this.#reading, signal);
        }
        const { files, ...choices } = source;
        const given = files.map(({ path, file }) => ({ path, blob: file }));
        return await openData("files", given, choices, this.#reading, signal);
      }),
    );
  }

  /** The loaded data with these edits and no others. */
  async editData({ edits }: Calls["editData"]["params"]): Promise<DataInfo> {
    this.#parts.refuseWhileActive();
    const { data } = this;
    return this.#use(await this.cancellable((signal) => data.edited(edits, this.#reading, signal)));
  }

  /** Cancels a look-up or a load, and making tokens of the rows. */
  cancelLoad(): null {
    this.#loadAbort?.abort();
    this.tokens.forget();
    return null;
  }

  async listModels({ recipe }: Calls["listModels"]["params"]): Promise<ListedModel[]> {
    this.#parts.refuseWhileActive();
    await this.timing.cancel();
    return await listedModels(recipe, this.#library.memory, this.#device);
  }

  async listKeptModels(): Promise<KeptModel[]> {
    return await this.#library.kept();
  }

  async deleteKeptModel({ key }: Calls["deleteKeptModel"]["params"]): Promise<KeptModel[]> {
    return await this.#library.deleteKept(key);
  }

  async readRecipe({ file }: Calls["readRecipe"]["params"]): Promise<ReadRecipe> {
    const { readRecipeFile } = await fetched(import("./recipe-file.ts"));
    return await readRecipeFile(file, await this.#ownChoice());
  }

  /** The loaded model, for calls that have no use for the error of `model`. */
  get loadedModel(): LoadedModel | null {
    return this.#model;
  }

  /** The loaded data, for calls that have no use for the error of `data`. */
  get loadedData(): LoadedData | null {
    return this.#data;
  }

  /** Notes which model on the Hub a stored model is. */
  async noteHubName(
    identity: Pick<LoadedModel, "indexSha256" | "format">,
    name: string | null,
  ): Promise<void> {
    await this.#library.noteHubName(identity, name);
  }

  /** The presets for the loaded model and data, with the tokens by the rules of the recipe. */
  async presets({ recipe }: Calls["presets"]["params"]): Promise<Presets> {
    return await presetsOf(this.model, this.data, recipe, this.tokens);
  }

  async plan({ recipe }: Calls["plan"]["params"]): Promise<RunPlan> {
    return await planRun(this.model, this.data, recipe, this.#device.engine, this.tokens);
  }

  /**
   * The time of a run, measured where that is allowed and nothing is known. The visitor looks at
   * its plan, so its kernels begin to compile, unless a run needs the device.
   */
  async runTime({ recipe, mayMeasure }: Calls["runTime"]["params"]): Promise<number | null> {
    const { model, data, device } = this;
    const planned = async () => {
      const dataset = await datasetFor(model, data, recipe, Date.now(), this.tokens);
      return { model, dataset, recipe, device };
    };
    if (!mayMeasure) {
      const run = await planned();
      void this.#compileAhead(run);
      return await this.timing.known(run);
    }
    return await this.timing.measure(planned, async () => {
      const isFree = await this.#parts.freeRunDevice();
      await (isFree && this.#closePreview());
      return isFree;
    });
  }

  /**
   * Loads the model that a saved run trains, the demo's or a kept one, where another is loaded.
   * @throws UserError "wrong-base-model" when the person has to choose it
   */
  async modelOf({ base }: RunState): Promise<LoadedModel> {
    if (!isModelOf(base, this.#model) && base.source === "demo") {
      await this.loadModel({ source: { kind: "demo" } });
    } else if (!isModelOf(base, this.#model)) {
      const { indexSha256, weightFormat: format } = base;
      const kept = await this.#library.recall({ indexSha256, format });
      await this.freeDevice();
      this.#model = kept ?? this.#model;
    }
    if (!isModelOf(base, this.#model)) {
      const name = shownText(base.name);
      throw new UserError(
        "wrong-base-model",
        `This run trains ${name}; that model is not loaded.`,
        {
          where: name,
          remedy: `Choose ${name} under Model, then resume.`,
        },
      );
    }
    return this.#model;
  }

  /**
   * Loads the data that a saved run trains on, the demo's or the copy saved with the run, where
   * other data is loaded.
   * @throws UserError "wrong-data" when the person has to choose the file
   */
  async dataOf({ data }: RunState): Promise<LoadedData> {
    if (await this.#data?.isOf(data)) {
      return this.data;
    }
    const kept = await this.#parts.store.loadDataFile(data.sha256);
    if (kept !== null) {
      this.#use(await openSavedData(data, kept));
    } else if (data.source === "demo") {
      await this.loadData({ source: { kind: "demo" } });
    }
    if (!(await this.#data?.isOf(data))) {
      const name = shownPath(data.name);
      throw new UserError("wrong-data", `This run trains on ${name}; that file is not loaded.`, {
        where: name,
        remedy: `Choose ${name} (${data.rows} rows, unchanged) under Data, then resume.`,
      });
    }
    return this.data;
  }

  /**
   * Prompts the base model while there is no run. Its device is opened once and kept.
   * @throws UserError "no-adapter" for a prompt with the adapter
   */
  async answerBase(
    prompting: Omit<Calls["generate"]["params"], "requestId">,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Calls["generate"]["result"]> {
    if (prompting.useAdapter) {
      throw new UserError("no-adapter", "There is no adapter yet.", {
        remedy: "Train or resume a run, or switch the adapter off.",
      });
    }
    const { model } = this;
    const { emit, wasmPaths } = this.#parts;
    const { backend } = this.#device;
    const engine = engineFor(this.#device.engine, model);
    this.#preview ??= new Preview(model, { engine, backend, wasmPaths }, (fault) => {
      emit({ kind: "waiting", fault });
    });
    const isChat = this.#data?.set.facts.survey.isChat ?? false;
    const form = this.tokens.promptForm ?? { isChat, system: "" };
    const text = await this.#preview.answer({ ...prompting, form, seed: 0 }, onText, signal);
    return { text, step: 0 };
  }

  /** Ends what holds a device, before a run needs it or another model is loaded. */
  async freeDevice(): Promise<void> {
    await this.timing.cancel();
    await this.#closePreview();
  }

  async #compileAhead(run: PlannedRun): Promise<void> {
    await this.timing.cancel();
    if (!(await isRunHeld())) {
      this.ahead.begin(this.timing.planOf(run));
    }
  }

  async #closePreview(): Promise<void> {
    await this.#preview?.release();
    this.#preview = null;
  }

  /** The recipe that the page chooses: the defaults where model and data do not say more. */
  async #ownChoice(): Promise<Recipe> {
    if (this.#model !== null && this.#data !== null) {
      try {
        return (await this.presets({ recipe: defaultRecipe })).Balanced;
      } catch {
        // The plan says why the rows cannot be used; the recipe may be what mends it.
      }
    }
    const modules = this.#model && { targetModules: recipeModulesOf(this.#model.config) };
    return { ...defaultRecipe, ...modules };
  }

  #use(data: LoadedData): DataInfo {
    void this.timing.cancel();
    this.tokens.forget();
    this.#data = data;
    return describeData(data);
  }

  readonly #reading = (doneBytes: number, totalBytes: number): void => {
    this.#parts.emit({ kind: "loading", doing: "Reading the data", doneBytes, totalBytes });
  };

  /** Work that `cancelLoad` cancels. */
  async cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#loadAbort = abort;
    try {
      return await work(abort.signal);
    } finally {
      this.#loadAbort = this.#loadAbort === abort ? null : this.#loadAbort;
    }
  }
}

export function isModelOf(base: RunState["base"], model: LoadedModel | null): model is LoadedModel {
  return (
    model !== null &&
    [model.indexSha256, model.formerSha256].includes(base.indexSha256) &&
    model.format === base.weightFormat
  );
}
