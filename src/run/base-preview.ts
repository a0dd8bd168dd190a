// The preview of the base model on its own device: it answers prompts before any run, and is
// released when a run begins.
import { initialAdapter, type LoraConfig } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { BaseModel } from "../model/open.ts";
import { targetModulesOf } from "../model/tensors.ts";
import type { PlainError } from "../util/errors.ts";
import type { DeviceEngine } from "../engine/open.ts";
import { rebuild, releaseEngine, type DeviceEnginePlan } from "./device-engine.ts";
import { answer, type Prompting } from "./prompting.ts";
import { StallWatch } from "./stall-watch.ts";

/** An engine always has an adapter; this one is the smallest, and it is never switched on. */
function unusedLora({ config }: BaseModel): LoraConfig {
  return { rank: 1, alpha: 1, dropout: 0, targetModules: targetModulesOf(config).slice(0, 1) };
}

export class Preview {
  readonly #model: BaseModel;
  readonly #where: Pick<DeviceEnginePlan, "engine" | "backend" | "wasmPaths">;
  readonly #watch: StallWatch;
  #device: DeviceEngine | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    model: BaseModel,
    where: Pick<DeviceEnginePlan, "engine" | "backend" | "wasmPaths">,
    onWait: (fault: PlainError | null) => void,
  ) {
    this.#model = model;
    this.#where = where;
    this.#watch = new StallWatch(onWait);
  }

  /**
   * Answers one prompt after the other. Its device is opened at the first.
   * @throws UserError "too-long", "device-lost", "out-of-memory"; the signal's reason
   */
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

  /** Releases the device after the answers under way. */
  async release(): Promise<void> {
    await this.#queue;
    await releaseEngine(this.#device);
    this.#device = null;
  }

  async #open(signal: AbortSignal): Promise<DeviceEngine> {
    if (this.#device !== null && !this.#device.machine.isLost()) {
      return this.#device;
    }
    const old = this.#device;
    this.#device = null;
    const model = this.#model;
    const lora = unusedLora(model);
    const targets = loraTargets(model.config, lora);
    const shape = { rows: 1, length: 1 };
    const plan = { ...this.#where, model, lora, shape, labelSmoothing: 0, isWeighted: false };
    const adapter = initialAdapter(targets, lora.rank, 0);
    const opened = (alive: () => void) => rebuild(old, plan, adapter, alive, signal);
    const { deviceEngine } = await this.#watch.during("device", opened, true);
    this.#device = { ...deviceEngine, engine: this.#watch.watched(deviceEngine.engine) };
    return this.#device;
  }
}
