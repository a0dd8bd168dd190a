// Loads what the page's address asks for, once the visitor has allowed it: the model is looked up,
// the data are loaded, and the recipe is read when both are there.
import { asksForFiles, type Asked } from "../../host/asked.ts";
import type { SessionClient } from "../../session/client.ts";
import { toPlain } from "../../util/errors.ts";
import { chosenHub, defaultHub } from "../connections.ts";
import type { Setup } from "../state/setup.svelte.ts";
import { allowAsked, forgetAsked } from "./consent.ts";

export class LinkedSetUp {
  readonly asked: Asked;
  /** The visitor has to decide. */
  isAsking = $state(false);
  /** Address of a recipe that waits for the model and the data. */
  recipe = $state.raw<string | null>(null);
  /** The recipe is fetched and read now. */
  isReading = $state(false);

  readonly #client: SessionClient;
  readonly #setup: Setup;
  /** Model and data were looked up, whatever came of it. */
  #isLoaded = $state(false);

  constructor(client: SessionClient, setup: Setup, asked: Asked, isAllowed: boolean) {
    this.#client = client;
    this.#setup = setup;
    this.asked = asked;
    this.isAsking = !isAllowed && (asksForFiles(asked) || asked.refused.length > 0);
    if (isAllowed) {
      this.recipe = asked.recipe;
      forgetAsked(asked);
    }
  }

  /** Model and data are settled, so that the recipe can be read over their defaults. */
  get isRecipeDue(): boolean {
    const { offer, loads, data } = this.#setup;
    const isSettled = offer === null && loads.loading === null && data !== null;
    return this.recipe !== null && this.#isLoaded && isSettled;
  }

  allow(): void {
    allowAsked(this.asked);
  }

  ignore(): void {
    this.isAsking = false;
    forgetAsked(this.asked);
  }

  /** Loads what was allowed, in place of what the page opened with. */
  async load(): Promise<void> {
    const { model, data } = this.asked;
    if (model !== null) {
      const hub = chosenHub();
      const endpoint = hub === defaultHub ? null : hub;
      await this.#setup.lookUpModel({ kind: "hub", name: model, endpoint, token: null });
    }
    if (data !== null) {
      await this.#loadData(data);
    }
    this.#isLoaded = true;
  }

  async readRecipe(): Promise<void> {
    const { recipe } = this;
    if (recipe === null) {
      return;
    }
    this.recipe = null;
    this.isReading = true;
    try {
      const params = { address: recipe, kind: "recipe" } as const;
      await this.#setup.readRecipe(await this.#client.call("fetchLinked", params));
    } catch (error) {
      if (toPlain(error).code !== "aborted") {
        this.#setup.loads.refuse("recipe", error);
      }
    } finally {
      this.isReading = false;
    }
  }

  async #loadData(address: string): Promise<void> {
    const fetched: File[] = [];
    await this.#setup.loads.add({ input: "data", doing: "Fetching the data" }, async () => {
      fetched.push(await this.#client.call("fetchLinked", { address, kind: "data" }));
    });
    for (const file of fetched) {
      await this.#setup.loadData({ kind: "files", files: [{ file, path: file.name }] });
    }
  }
}
