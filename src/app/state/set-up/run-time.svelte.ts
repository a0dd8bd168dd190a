// How long the planned run will take here: known from earlier, or measured once the visitor has
// looked at a plan of their own for a moment.
import type { Recipe } from "../../../recipe/recipe.ts";
import type { SessionClient } from "../../../session/client.ts";
import type { RunPlan } from "../../../session/protocol.ts";

/** Typing, and a quick press of Start, come before a measurement. */
const restMs = 2000;

export class RunTime {
  /** Of the plan that was looked at last; null while unknown. */
  durationMs = $state.raw<number | null>(null);
  isMeasuring = $state(false);

  readonly #client: SessionClient;
  #plan: RunPlan | null = null;
  #looks = 0;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /** A plan whose run is made already: afterwards its device answers prompts and is not taken. */
  pass(plan: RunPlan): void {
    this.#plan = plan;
  }

  /**
   * Looks up the time of a plan, once.
   * @param mayMeasure where it is not known
   * @returns a function that calls this off
   */
  look(plan: RunPlan, recipe: Recipe, mayMeasure: boolean): (() => void) | undefined {
    if (plan === this.#plan) {
      return undefined;
    }
    this.#plan = plan;
    const look = ++this.#looks;
    this.durationMs = null;
    void this.#ask(recipe, false, look);
    const timer = setTimeout(() => {
      if (mayMeasure && this.durationMs === null) {
        void this.#ask(recipe, true, look);
      }
    }, restMs);
    return () => {
      clearTimeout(timer);
      this.#looks++;
      this.isMeasuring = false;
    };
  }

  /** Without a time the page says nothing: the run itself tells what is wrong with a device. */
  async #ask(recipe: Recipe, mayMeasure: boolean, look: number): Promise<void> {
    this.isMeasuring = mayMeasure;
    const durationMs = await this.#client.call("runTime", { recipe, mayMeasure }).catch(() => null);
    if (look === this.#looks) {
      this.durationMs = durationMs;
      this.isMeasuring = false;
    }
  }
}
