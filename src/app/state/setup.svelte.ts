// The set-up of the next run: model, data, recipe, start adapter and sample prompt, and the run's
// plan that the session makes from them.
import type { SessionClient } from "../../session/client.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { shownText } from "../../util/shown-text.ts";
import { sectionOf } from "./error-sections.ts";
import { areSameRows, areWanted, nameOf } from "./set-up/chosen-files.ts";
import { Loads, type Load } from "./set-up/loads.svelte.ts";
import { isLoadedUnasked } from "./set-up/unasked.ts";
import { BaseName } from "./export/base-name.svelte.ts";
import { RecipeForm } from "./recipe-form.svelte.ts";
import { RowsView } from "./rows.svelte.ts";
import type {
  DataFiles,
  DataInfo,
  DataSource,
  EngineName,
  KeptModel,
  ListedModel,
  LoadSource,
  ModelInfo,
  ModelOffer,
  ModelSource,
  PageReport,
  Reading,
  RecalledSetUp,
  RowEdit,
  RunPlan,
  TableChoices,
} from "../../session/protocol.ts";

const planDelayMs = 250;

export class Setup {
  readonly form = new RecipeForm();
  readonly loads = new Loads();
  model = $state.raw<ModelInfo | null>(null);
  /** A model that was looked up and waits for a decision. */
  offer = $state.raw<ModelOffer | null>(null);
  kept = $state.raw<KeptModel[]>([]);
  listed = $state.raw<ListedModel[] | null>(null);
  isListing = $state(false);
  data = $state.raw<DataInfo | null>(null);
  /** The files of `data`; null where they are not the visitor's own of this visit. */
  files = $state.raw<DataFiles | null>(null);
  readonly rows: RowsView;
  /** The name of the loaded model in adapters. */
  readonly baseName: BaseName;
  /** What becomes of the rows with the planned recipe. */
  report = $state.raw<PageReport | null>(null);
  /** Bytes of the data whose tokens are counted, of all; null while none are. */
  tokenizing = $state.raw<{ doneBytes: number; totalBytes: number } | null>(null);
  /** The visitor cancelled the plan, until something changes or it is asked for. */
  isPlanCancelled = $state(false);
  adapter = $state.raw<File[] | null>(null);
  plan = $state.raw<RunPlan | null>(null);
  #isPlanDue = $state(false);
  #isAskingForPlan = $state(false);
  isChoosingEngine = $state(false);
  /** The visitor's sample prompt; null uses the plan's. */
  ownPrompt = $state<string | null>(null);
  planError = $state.raw<PlainError | null>(null);

  readonly isPlanning = $derived(this.#isPlanDue || this.#isAskingForPlan || this.isChoosingEngine);
  readonly samplePrompt = $derived(this.ownPrompt ?? this.plan?.samplePrompt ?? "");
  /** Data whose columns are not mapped yet cannot be planned. */
  readonly hasReading = $derived(this.data !== null && this.data.reading.reading !== null);
  readonly isDemo = $derived(this.model?.source === "demo" && this.data?.source === "demo");
  readonly planErrorSection = $derived(
    this.planError === null ? null : sectionOf(this.planError.code),
  );

  readonly #client: SessionClient;
  /** The last files that were chosen, loaded or refused. */
  #asked: DataFiles | null = null;
  /** Data of the last visit whose files have to be chosen again. */
  #wanted: RecalledSetUp["data"] = null;
  /** Called when another model is loaded. */
  readonly #onModel: () => void;
  #plannedFor = "";
  /** The inputs, as `#changes` counts them, that the form's presets are for. */
  #presetsFor = -1;
  /** Counts loads and choices; reactive, so that a new model, data set or engine is planned. */
  #changes = $state(0);

  constructor(client: SessionClient, onModel: () => void, onNamed: () => void) {
    this.#client = client;
    this.#onModel = onModel;
    this.baseName = new BaseName(client, "model", onNamed);
    this.rows = new RowsView(client, {
      data: () => this.data,
      recipe: () => this.form.snapshot(),
      editData: (edits) => this.editData(edits),
    });
  }

  loadModel(source: LoadSource): Promise<void> {
    const load = () => this.#useModel(source);
    return this.#load({ input: "model", doing: "Loading the model", replacement: "a model" }, load);
  }

  /** Looks up a model; loads it without asking when it is local, fits and is small. */
  lookUpModel(source: ModelSource): Promise<void> {
    return this.#load({ input: "model", doing: "Looking up the model" }, async () => {
      const recipe = this.form.forOwnModel();
      const offer = await this.#client.call("lookUpModel", { source, recipe });
      if (isLoadedUnasked(offer)) {
        await this.#useModel({ kind: "offer", id: offer.id, format: "stored" });
      } else {
        this.offer = offer;
      }
    });
  }

  async cancelLoad(): Promise<void> {
    await this.#client.call("cancelLoad");
  }

  async listKept(): Promise<void> {
    this.kept = await this.#client.call("listKeptModels");
  }

  async deleteKept(key: string): Promise<void> {
    this.loads.clearError("model");
    try {
      this.kept = await this.#client.call("deleteKeptModel", { key });
    } catch (error) {
      this.loads.setError("model", error);
    }
  }

  /** Lists the recommended models, priced with the current recipe. */
  async listModels(): Promise<void> {
    this.loads.clearError("model");
    this.isListing = true;
    try {
      this.listed = await this.#client.call("listModels", { recipe: this.form.forOwnModel() });
    } catch (error) {
      this.loads.setError("model", error);
    } finally {
      this.isListing = false;
    }
  }

  async #useModel(source: LoadSource): Promise<void> {
    if (source.kind === "offer") {
      // Only a page can ask for persistent storage. Without it the browser may evict the model.
      void navigator.storage.persist();
    }
    this.model = await this.#client.call("loadModel", { source });
    this.baseName.show(this.model.naming, true);
    this.offer = null;
    this.#onModel();
    this.form.useModel(this.model);
    await this.listKept();
  }

  loadData(source: DataSource): Promise<void> {
    const replacement = source.kind === "files" ? nameOf(source) : "the demo data";
    return this.#load({ input: "data", doing: "Reading the data", replacement }, async () => {
      const wanted =
        source.kind === "files" && areWanted(source, this.#wanted) ? this.#wanted : null;
      const asked = { ...wanted?.choices, ...source };
      this.#asked = asked.kind === "files" ? asked : null;
      const former = areSameRows(this.#asked, this.files) ? this.data?.edits : wanted?.edits;
      const edits = [...(former ?? [])];
      this.data = await this.#client.call("loadData", { source: asked });
      this.#wanted = null;
      this.files = this.#asked;
      this.planError = this.tokenizing = null;
      if (edits.length > 0) {
        this.data = await this.#client.call("editData", { edits });
      } else {
        this.ownPrompt = null;
        this.rows.clear();
      }
    });
  }

  /** Loads the files that were refused without their bad rows. */
  async acceptBadRows(): Promise<void> {
    if (this.#asked !== null) {
      await this.loadData({ ...this.#asked, acceptBadRows: true });
    }
  }

  /** Reads the rows of the same files otherwise; edits stay. */
  async readOtherwise(reading: Reading): Promise<void> {
    if (this.files !== null) {
      await this.loadData({ ...this.files, reading, acceptBadRows: false });
    }
  }

  /** Opens the same files otherwise: other rows, so their shape is recognised again. */
  async openOtherwise(tables: Record<string, TableChoices>): Promise<void> {
    if (this.files !== null) {
      const { files, kind } = this.files;
      await this.loadData({ kind, files, tables });
    }
  }

  /** All edits of rows; those before are replaced. */
  editData(edits: RowEdit[]): Promise<void> {
    return this.#load({ input: "data", doing: "Reading the data" }, async () => {
      this.data = await this.#client.call("editData", { edits });
    });
  }

  async readRecipe(file: File): Promise<void> {
    this.loads.clearError("recipe");
    try {
      const { recipe, report, leftOut } = await this.#client.call("readRecipe", { file });
      this.form.useFile(recipe, { fileName: shownText(file.name), report }, leftOut);
    } catch (error) {
      this.loads.refuse("recipe", error);
    }
  }

  /** Sets the engine of later runs. A `device` event reports it to the page. */
  async chooseEngine(engine: EngineName): Promise<void> {
    this.loads.clearError("recipe");
    this.isChoosingEngine = true;
    try {
      await this.#client.call("chooseEngine", { engine });
      this.#changes += 1;
    } catch (error) {
      this.loads.setError("recipe", error);
    } finally {
      this.isChoosingEngine = false;
    }
  }

  /** Whether the plan belongs to this recipe and the current model, data and engine. */
  isPlanned(recipe: Recipe): boolean {
    return this.#plannedFor === this.#keyOf(recipe);
  }

  /** Plans the run after a pause in typing. @returns a function that cancels it */
  planSoon(recipe: Recipe): () => void {
    this.#isPlanDue = true;
    this.isPlanCancelled = false;
    const timer = setTimeout(() => {
      this.#isPlanDue = false;
      void this.#makePlan(recipe);
    }, planDelayMs);
    return () => {
      clearTimeout(timer);
      this.#isPlanDue = false;
    };
  }

  /** Puts a recipe into the form and plans it at once. */
  async planWith(recipe: Recipe): Promise<void> {
    this.form.mend(recipe);
    await this.#makePlan(recipe);
  }

  /** After counting tokens was cancelled. */
  planAgain(): void {
    this.#changes += 1;
  }

  async #makePlan(given: Recipe): Promise<void> {
    let key = this.#keyOf(given);
    this.#plannedFor = key;
    this.#isAskingForPlan = true;
    this.isPlanCancelled = false;
    try {
      const recipe = await this.#followInputs(given, key);
      if (recipe === null) {
        return;
      }
      this.#plannedFor = key = this.#keyOf(recipe);
      const plan = await this.#client.call("plan", { recipe });
      if (this.#isOfNow(key)) {
        this.plan = plan;
        this.planError = null;
        this.tokenizing = null;
        void this.#lookAtRows(recipe, key);
      }
    } catch (error) {
      if (this.#isOfNow(key)) {
        this.plan = this.report = this.tokenizing = null;
        const fault = toPlain(error);
        this.isPlanCancelled = fault.code === "aborted";
        this.planError = this.isPlanCancelled ? null : fault;
      }
    } finally {
      if (this.#plannedFor === key) {
        this.#isAskingForPlan = false;
      }
    }
  }

  /**
   * Brings the presets of other model or data than those of the last plan.
   * @returns the recipe to plan now; null where something has changed meanwhile
   */
  async #followInputs(recipe: Recipe, key: string): Promise<Recipe | null> {
    if (this.#presetsFor === this.#changes) {
      this.form.settle();
      return recipe;
    }
    const changes = this.#changes;
    const presets = await this.#client.call("presets", { recipe: this.form.forOwnModel() });
    if (this.#plannedFor !== key || this.#changes !== changes) {
      return null;
    }
    this.#presetsFor = changes;
    this.form.usePresets(presets);
    return this.form.snapshot();
  }

  /** The report and the row that is shown, with the tokens of the plan. */
  async #lookAtRows(recipe: Recipe, key: string): Promise<void> {
    await this.rows.refresh();
    try {
      const report = await this.#client.call("reportData", { recipe });
      this.report = this.#plannedFor === key ? report : this.report;
    } catch (error) {
      // A run that began, or a later plan, has taken the session.
      this.report = null;
      this.rows.error = toPlain(error).code === "aborted" ? null : toPlain(error);
    }
  }

  /** Loads the demo's model and data. */
  async loadDemo(): Promise<void> {
    await Promise.all([this.loadModel({ kind: "demo" }), this.loadData({ kind: "demo" })]);
  }

  /** Loads what an earlier visit had set up, as far as it is still there. */
  async recall({ model, data, recipe, samplePrompt, adapter }: RecalledSetUp): Promise<void> {
    const modelLoaded = model === null ? null : this.loadModel(model);
    this.#wanted = data;
    if (data === null) {
      await this.loadData({ kind: "demo" });
    } else if (data.wanted.length === 0) {
      await this.loadData({ kind: "files", files: data.files });
    }
    await modelLoaded;
    this.form.replace(recipe);
    this.ownPrompt = samplePrompt;
    this.adapter = adapter;
  }

  /** Shows the model, data and recipe of a restored run. */
  adopt(model: ModelInfo, data: DataInfo, recipe: Recipe): void {
    this.model = model;
    this.baseName.show(model.naming, true);
    this.data = data;
    this.files = this.#asked = this.report = null;
    this.rows.clear();
    this.form.useModel(model);
    this.form.restore(recipe);
    this.loads.clearErrors();
    this.plan = null;
    this.#changes += 1;
  }

  /** Clears what the restarted session has lost. */
  reset(): void {
    this.model = this.data = this.offer = this.plan = this.planError = null;
    this.files = this.#asked = this.report = this.tokenizing = null;
    this.#plannedFor = "";
    this.#presetsFor = -1;
    this.#isAskingForPlan = false;
  }

  /** Figures of the plan and the report are not those of the rows that are tokenised now. */
  showTokenizing(progress: { doneBytes: number; totalBytes: number }): void {
    this.tokenizing = progress;
    this.plan = this.report = null;
  }

  /** Loads an input after those before; what it replaces has no plan meanwhile. */
  #load(what: Load, load: () => Promise<void>): Promise<void> {
    return this.loads.add(what, async () => {
      if (what.replacement !== undefined) {
        this.plan = this.report = null;
      }
      try {
        await load();
      } finally {
        this.#changes += 1;
      }
    });
  }

  #keyOf(recipe: Recipe): string {
    return `${this.#changes} ${JSON.stringify(recipe)}`;
  }

  /** Whether nothing else was planned or loaded since: data without a shape are never planned. */
  #isOfNow(key: string): boolean {
    return this.#plannedFor === key && key.startsWith(`${this.#changes} `);
  }
}
