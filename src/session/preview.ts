// The base model on a device of its own, to be prompted before any run; it makes way when one begins.
import { initialAdapter, loraTargets } from "../adapter/lora.ts";
import type { BaseModel } from "../model/open.ts";
import { rebuild, releaseRig, type Rig, type RigPlan } from "./recovery.ts";
import { answer, type Prompting } from "./sampling.ts";

/** An engine always has an adapter; this one is the smallest there is, and it stays off. */
const unusedLora = { rank: 1, alpha: 1, dropout: 0, targetModules: ["q_proj"] };

export class Preview {
  readonly #model: BaseModel;
  readonly #where: Pick<RigPlan, "engine" | "backend" | "wasmPaths">;
  #rig: Rig | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(model: BaseModel, where: Pick<RigPlan, "engine" | "backend" | "wasmPaths">) {
    this.#model = model;
    this.#where = where;
  }

  /** One answer after the other. */
  async answer(
    prompting: Prompting,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const answered = this.#queue.then(async () => {
      const { engine } = await this.#open(signal);
      return await answer(engine, this.#model, prompting, onText, signal);
    });
    this.#queue = answered.catch(() => undefined);
    return await answered;
  }

  async release(): Promise<void> {
    await this.#queue;
    await releaseRig(this.#rig);
    this.#rig = null;
  }

  async #open(signal: AbortSignal): Promise<Rig> {
    if (this.#rig !== null && !this.#rig.machine.isLost()) {
      return this.#rig;
    }
    const old = this.#rig;
    this.#rig = null;
    const model = this.#model;
    const targets = loraTargets(model.config, unusedLora);
    const { rig } = await rebuild(
      old,
      {
        ...this.#where,
        model,
        lora: unusedLora,
        shape: { rows: 1, length: 1 },
        labelSmoothing: 0,
      },
      initialAdapter(targets, unusedLora.rank, 0),
      () => undefined,
      signal,
    );
    this.#rig = rig;
    return rig;
  }
}
