// Answers the page's calls on the name of a base model: what adapters call it, as the person says,
// for the loaded model and for the run of this tab.
import type { BaseIdentity } from "../../checkpoint/file/run-state.ts";
import { baseNameOf } from "../../export/base-name.ts";
import { checkBaseName } from "../../models/check-base-name.ts";
import { namingOf } from "../../models/describe.ts";
import type { BaseNaming } from "../../models/facts.ts";
import type { LoadedModel } from "../../models/loaded-model.ts";
import type { Run } from "../../run/run.ts";
import { parseBaseName } from "../../sources/hub/hub-name.ts";
import { UserError } from "../../util/errors.ts";
import type { Calls } from "../protocol.ts";

export interface BaseNamesParts {
  /** The loaded model. */
  model: () => LoadedModel | null;
  /** The run of this tab, at rest or active; its next save holds what is said of it. */
  run: () => Run | null;
  isModelOf: (base: BaseIdentity, model: LoadedModel | null) => model is LoadedModel;
  /** Notes the name with the stored model. */
  note: (
    identity: Pick<LoadedModel, "indexSha256" | "format">,
    name: string | null,
  ) => Promise<void>;
  cancellable: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

export class BaseNames {
  readonly #parts: BaseNamesParts;

  constructor(parts: BaseNamesParts) {
    this.#parts = parts;
  }

  /** @throws UserError "missing-file" without a model, "no-adapter" without a run */
  naming({ of }: Calls["baseName"]["params"]): BaseNaming {
    return of === "model" ? namingOf(this.#model()) : this.#namingOfRun(this.#runBase());
  }

  /**
   * Says which model on the Hub it is; null for none that is known.
   * @throws UserError "bad-model-name" for a name that the Hub cannot have
   */
  async name({ of, name: typed }: Calls["nameBase"]["params"]): Promise<BaseNaming> {
    const name = typed === null ? null : parseBaseName(typed);
    const base = of === "run" ? this.#runBase() : (this.#parts.run()?.state.base ?? null);
    const model = of === "model" ? this.#model() : this.#parts.model();
    const isBoth = base !== null && this.#parts.isModelOf(base, model);
    if (of === "run" || isBoth) {
      this.#parts.run()?.nameBase(name);
    }
    if (model !== null && (of === "model" || isBoth)) {
      model.hubName = name;
      await this.#parts.note(model, name);
    } else if (base !== null) {
      await this.#parts.note({ ...base, format: base.weightFormat }, name);
    }
    return this.naming({ of });
  }

  /** Asks the hub for the name, which goes there and nothing else does. */
  async check({ of, name, endpoint, token }: Calls["checkBaseName"]["params"]) {
    const base = this.#parts.run()?.state.base ?? null;
    const model = this.#parts.model();
    const isHere = of === "model" || (base !== null && this.#parts.isModelOf(base, model));
    const config = isHere ? (model?.config ?? null) : null;
    const options = { endpoint: endpoint ?? undefined, token };
    return await this.#parts.cancellable((signal) => checkBaseName(name, config, options, signal));
  }

  /** The base model of a checkpoint with the name that was said last of its run or its model. */
  named(base: BaseIdentity): BaseIdentity {
    const run = this.#parts.run()?.state.base;
    const model = this.#parts.model();
    const isOfRun = run?.indexSha256 === base.indexSha256;
    const isOfModel = this.#parts.isModelOf(base, model);
    const said = isOfRun ? run.hubName : isOfModel ? (model.hubName ?? base.hubName) : base.hubName;
    return said === undefined ? base : { ...base, hubName: said };
  }

  /** A restored run and its model have one name: the one said last, which the model keeps. */
  async agree(base: BaseIdentity, model: LoadedModel): Promise<void> {
    if (model.source === "demo") {
      return;
    }
    if (model.hubName === null && base.hubName != null) {
      model.hubName = base.hubName;
      await this.#parts.note(model, base.hubName);
    }
    base.hubName = model.hubName ?? baseNameOf(base);
  }

  #namingOfRun(base: BaseIdentity): BaseNaming {
    const model = this.#parts.model();
    const guess = this.#parts.isModelOf(base, model) ? model.hubGuess : null;
    const name = baseNameOf(base);
    const isAsked = base.source === "files" || (base.source === "hub" && name !== base.name);
    return { name, guess, isAsked };
  }

  #model(): LoadedModel {
    const model = this.#parts.model();
    if (model === null) {
      throw new UserError("missing-file", "No model is loaded.", { remedy: "Choose a model." });
    }
    return model;
  }

  #runBase(): BaseIdentity {
    const base = this.#parts.run()?.state.base ?? null;
    if (base === null) {
      throw new UserError("no-adapter", "There is no run.", {
        remedy: "Start a run or resume one.",
      });
    }
    return base;
  }
}
