// What a run will be made of: model, data, recipe, start adapter, sample prompt, and the plan the
// session makes of them.
import type { SessionClient } from "../../session/client.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { placeOf, type Place } from "./places.ts";
import { RecipeForm } from "./recipe-form.svelte.ts";
import { TransferRate } from "./transfer-rate.ts";
import type {
  DataInfo,
  DataSource,
  EngineName,
  KeptModel,
  ListedModel,
  LoadSource,
  ModelInfo,
  ModelOffer,
  ModelSource,
  RunPlan,
} from "../../session/protocol.ts";

type Part = "model" | "data";

/** A model or data set on its way in. */
export interface Loading {
  part: Part;
  /** e.g. "Downloading model.safetensors". */
  doing: string;
  doneBytes: number;
  totalBytes: number | null;
  /** Null while it is not known. */
  bytesPerSecond: number | null;
}

const planDelayMs = 250;

/** Bytes of weights that a browser's storage takes without a thought. */
const largestWithoutAsking = 1e9;

export class Setup {
  readonly form = new RecipeForm();
  model = $state.raw<ModelInfo | null>(null);
  /** A model that was looked up and waits for a word. */
  offer = $state.raw<ModelOffer | null>(null);
  kept = $state.raw<KeptModel[]>([]);
  listed = $state.raw<ListedModel[] | null>(null);
  isListing = $state(false);
  data = $state.raw<DataInfo | null>(null);
  adapter = $state.raw<File[] | null>(null);
  loading = $state.raw<Loading | null>(null);
  plan = $state.raw<RunPlan | null>(null);
  #isPlanDue = $state(false);
  #isAskingForPlan = $state(false);
  isChoosingEngine = $state(false);
  /** The visitor's own sample prompt; null takes the plan's. */
  ownPrompt = $state<string | null>(null);
  errors = $state.raw<Partial<Record<Place, PlainError>>>({});
  planError = $state.raw<PlainError | null>(null);

  readonly isPlanning = $derived(this.#isPlanDue || this.#isAskingForPlan || this.isChoosingEngine);
  readonly samplePrompt = $derived(this.ownPrompt ?? this.plan?.samplePrompt ?? "");
  readonly isDemo = $derived(this.model?.source === "demo" && this.data?.source === "demo");
  readonly planPlace = $derived(this.planError === null ? null : placeOf(this.planError.code));

  readonly #client: SessionClient;
  /** Another model was loaded. */
  readonly #onModel: () => void;
  #queue: Promise<void> = Promise.resolve();
  #rate = new TransferRate();
  #plannedFor = "";
  /**
   * Counts what was loaded or chosen; state, so that a new model, data set or engine asks for a new
   * plan.
   */
  #changes = $state(0);

  constructor(client: SessionClient, onModel: () => void) {
    this.#client = client;
    this.#onModel = onModel;
  }

  loadModel(source: LoadSource): Promise<void> {
    return this.#load("model", "Loading the model", () => this.#takeModel(source));
  }

  /**
   * Files that are here and fit as they are stored need no second word, unless a smaller format
   * would spare much.
   */
  lookUpModel(source: ModelSource): Promise<void> {
    return this.#load("model", "Looking up the model", async () => {
      const recipe = this.form.forOwnModel();
      const offer = await this.#client.call("lookUpModel", { source, recipe });
      const stored = offer.formats.find(({ format }) => format === "stored");
      const isPlain =
        offer.formats.length === 1 || (stored?.weightsBytes ?? 0) <= largestWithoutAsking;
      if (offer.downloadBytes === 0 && stored?.fits === true && isPlain) {
        await this.#takeModel({ kind: "offer", id: offer.id, format: "stored" });
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
    this.clearError("model");
    try {
      this.kept = await this.#client.call("deleteKeptModel", { key });
    } catch (error) {
      this.#setError("model", error);
    }
  }

  /** What is known to train well, with what it takes by the present recipe. */
  async listModels(): Promise<void> {
    this.clearError("model");
    this.isListing = true;
    try {
      this.listed = await this.#client.call("listModels", { recipe: this.form.forOwnModel() });
    } catch (error) {
      this.#setError("model", error);
    } finally {
      this.isListing = false;
    }
  }

  async #takeModel(source: LoadSource): Promise<void> {
    if (source.kind === "offer") {
      // Only a page can ask, and now there is something to keep. A no changes nothing but the risk.
      void navigator.storage.persist();
    }
    this.model = await this.#client.call("loadModel", { source });
    this.offer = null;
    this.#onModel();
    this.form.useModel(this.model);
    await this.listKept();
  }

  loadData(source: DataSource): Promise<void> {
    return this.#load("data", "Reading the data", async () => {
      this.data = await this.#client.call("loadData", { source });
      this.ownPrompt = null;
    });
  }

  async readRecipe(file: File): Promise<void> {
    this.clearError("recipe");
    try {
      this.form.replace(await this.#client.call("readRecipe", { file }));
    } catch (error) {
      this.#setError("recipe", error);
    }
  }

  /** Of runs to come. The page learns of it by the session's event. */
  async chooseEngine(engine: EngineName): Promise<void> {
    this.clearError("recipe");
    this.isChoosingEngine = true;
    try {
      await this.#client.call("chooseEngine", { engine });
      this.#changes += 1;
    } catch (error) {
      this.#setError("recipe", error);
    } finally {
      this.isChoosingEngine = false;
    }
  }

  /** Resolves when nothing is being loaded. */
  settled(): Promise<void> {
    return this.#queue;
  }

  /** Whether the plan shown is the one of this recipe, model and data. */
  isPlanned(recipe: Recipe): boolean {
    return this.#plannedFor === this.#keyOf(recipe);
  }

  /** Asks for a plan once the visitor pauses for breath. Returns what calls it off. */
  planSoon(recipe: Recipe): () => void {
    this.#isPlanDue = true;
    const timer = setTimeout(() => {
      this.#isPlanDue = false;
      void this.#makePlan(recipe);
    }, planDelayMs);
    return () => {
      clearTimeout(timer);
      this.#isPlanDue = false;
    };
  }

  async #makePlan(recipe: Recipe): Promise<void> {
    const key = this.#keyOf(recipe);
    this.#plannedFor = key;
    this.#isAskingForPlan = true;
    try {
      const plan = await this.#client.call("plan", { recipe });
      if (this.#plannedFor === key) {
        this.plan = plan;
        this.planError = null;
      }
    } catch (error) {
      if (this.#plannedFor === key) {
        this.plan = null;
        this.planError = toPlain(error);
      }
    } finally {
      if (this.#plannedFor === key) {
        this.#isAskingForPlan = false;
      }
    }
  }

  /** Takes over what a restored run consists of. */
  adopt(model: ModelInfo, data: DataInfo, recipe: Recipe): void {
    this.model = model;
    this.data = data;
    this.form.useModel(model);
    this.form.replace(recipe);
    this.errors = {};
    this.plan = null;
    this.#changes += 1;
  }

  /** The session begins anew and has nothing of this any more. */
  forget(): void {
    this.model = this.data = this.offer = this.plan = this.planError = null;
    this.#plannedFor = "";
    this.#isAskingForPlan = false;
  }

  /**
   * The rate is that of what is being done now, so each new kind of work is measured for itself.
   */
  takeLoading(doing: string, doneBytes: number, totalBytes: number | null): void {
    if (this.loading !== null) {
      if (doing !== this.loading.doing) {
        this.#rate = new TransferRate();
      }
      this.#rate.add(doneBytes, performance.now());
      const bytesPerSecond = this.#rate.perSecond;
      this.loading = { ...this.loading, doing, doneBytes, totalBytes, bytesPerSecond };
    }
  }

  clearError(place: Place): void {
    this.errors = { ...this.errors, [place]: undefined };
  }

  /** One load at a time, so that progress belongs to the part that is being loaded. */
  #load(part: Part, doing: string, load: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      this.clearError(part);
      this.loading = { part, doing, doneBytes: 0, totalBytes: null, bytesPerSecond: null };
      try {
        await load();
        this.#changes += 1;
      } catch (error) {
        // What the visitor called off is no fault.
        if (toPlain(error).code !== "aborted") {
          this.#setError(part, error);
        }
      } finally {
        this.loading = null;
      }
    });
    return this.#queue;
  }

  #setError(place: Place, error: unknown): void {
    this.errors = { ...this.errors, [place]: toPlain(error) };
  }

  #keyOf(recipe: Recipe): string {
    return `${this.#changes} ${JSON.stringify(recipe)}`;
  }
}
