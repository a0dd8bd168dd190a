// The check before a start: what is wrong with model, data and recipe, and what mends it.
import { tick } from "svelte";
import type { SessionClient } from "../../../session/client.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import type { Setup } from "../setup.svelte.ts";
import { faultsOf, type Fault, type MendAction } from "./faults.ts";

export class Check {
  /** Why a fault could not be mended. */
  error = $state.raw<PlainError | null>(null);

  /** Folds of the set-up that it opens. */
  readonly opened = $state({ models: false, columns: false });

  /** Null while the rows are not looked at. */
  readonly faults = $derived.by((): Fault[] | null => this.#faults());

  /** Something changes, and the rows are looked at afterwards. */
  readonly isUnderWay = $derived.by(() => {
    const { isPlanning, loads, plan, report, rows } = this.#setup;
    const isLooking = plan !== null && report === null && rows.error === null;
    return isPlanning || loads.loading !== null || isLooking;
  });

  readonly #client: SessionClient;
  readonly #setup: Setup;

  constructor(client: SessionClient, setup: Setup) {
    this.#client = client;
    this.#setup = setup;
  }

  async mend(action: MendAction): Promise<void> {
    const { form, rows } = this.#setup;
    this.error = null;
    switch (action.kind) {
      case "leave-out": {
        const { fault } = action;
        try {
          const places = await this.#client.call("rowsToLeave", { recipe: form.snapshot(), fault });
          rows.leaveOut(places);
        } catch (error) {
          this.error = toPlain(error);
        }
        break;
      }
      case "recipe":
        Object.assign(form.recipe, action.changes);
        break;
      case "reading":
        await this.#setup.readOtherwise(action.reading);
        break;
      case "open":
        this.opened[action.fold] = false; // opens it again where the visitor has closed it
        await tick();
        this.opened[action.fold] = true;
        break;
      default:
        action satisfies never;
    }
  }

  #faults(): Fault[] | null {
    const { model, data, plan, report, form, files, isDemo } = this.#setup;
    if (model === null || data === null || plan === null || report === null || this.isUnderWay) {
      return null;
    }
    const canReadOtherwise = files !== null;
    return isDemo
      ? []
      : faultsOf({ model, data, plan, report, recipe: form.recipe, canReadOtherwise });
  }
}
