// What a run will be made of: model, data, recipe, start adapter, sample prompt, and the plan the session makes of them.
import type { SessionClient } from "../../session/client.ts";
import type {
  DataInfo,
  DataSource,
  EngineName,
  ModelInfo,
  ModelSource,
  RunPlan,
} from "../../session/protocol.ts";
import type { Recipe } from "../../train/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { placeOf, type Place } from "./places.ts";
import { RecipeForm } from "./recipe-form.svelte.ts";

type Part = "model" | "data";

/** A model or data set on its way in. */
export interface Loading {
  part: Part;
  what: string;
  doneBytes: number;
  totalBytes: number | null;
  startedAt: number;
}

const planDelayMs = 250;

export class Setup {
  readonly form = new RecipeForm();
  model = $state.raw<ModelInfo | null>(null);
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
  #queue: Promise<void> = Promise.resolve();
  #plannedFor = "";
  /** Counts what was loaded or chosen; state, so that a new model, data set or engine asks for a new plan. */
  #changes = $state(0);

  constructor(client: SessionClient) {
    this.#client = client;
  }

  loadModel(source: ModelSource): Promise<void> {
    return this.#load("model", async () => {
      this.model = await this.#client.call("loadModel", { source });
      this.form.useBase(source.kind);
    });
  }

  loadData(source: DataSource): Promise<void> {
    return this.#load("data", async () => {
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
    this.form.base = model.source;
    this.form.replace(recipe);
    this.errors = {};
    this.plan = null;
    this.#changes += 1;
  }

  takeLoading(what: string, doneBytes: number, totalBytes: number | null): void {
    if (this.loading !== null) {
      this.loading = { ...this.loading, what, doneBytes, totalBytes };
    }
  }

  clearError(place: Place): void {
    this.errors = { ...this.errors, [place]: undefined };
  }

  /** One load at a time, so that progress belongs to the part that is being loaded. */
  #load(part: Part, load: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      this.clearError(part);
      this.loading = { part, what: part, doneBytes: 0, totalBytes: null, startedAt: Date.now() };
      try {
        await load();
        this.#changes += 1;
      } catch (error) {
        this.#setError(part, error);
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
