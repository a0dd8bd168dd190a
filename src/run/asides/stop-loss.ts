// The held-out loss where a person stops a run, as the last step of a run has one.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Measured } from "../../train/held-out.ts";
import { isUnmeasured, measureStop } from "../../train/trainer.ts";
import { hasCode } from "../../util/errors.ts";
import type { DeviceKeeper } from "../device-keeper.ts";
import type { RunSaves } from "../saves.ts";
import type { Asides } from "./asides.ts";

export interface StopLossParts {
  state: RunState;
  dataset: Dataset;
  keeper: DeviceKeeper;
  saves: RunSaves;
  asides: Asides;
  onMeasured: (measured: Measured) => void;
}

export class StopLoss {
  readonly #parts: StopLossParts;
  #hasBegun = false;

  constructor(parts: StopLossParts) {
    this.#parts = parts;
  }

  /**
   * Measures what the log lacks, once, and only on a device that is there: another is not waited
   * for. The state is held first, so that a device which fails costs the measurement and no step.
   * The person may skip it.
   * @throws what reading the adapter throws; the signal's reason
   */
  async measure(signal: AbortSignal): Promise<void> {
    const { state, dataset, keeper, saves, asides } = this.#parts;
    if (this.#hasBegun || !keeper.isReady || !isUnmeasured(state.trainer, dataset)) {
      return;
    }
    this.#hasBegun = true;
    await saves.holdState();
    await asides.during("loss-at-stop", async (skipped) => {
      try {
        await this.#measure(AbortSignal.any([signal, skipped]));
      } catch (error) {
        signal.throwIfAborted();
        if (hasCode(error, "device-lost") || hasCode(error, "out-of-memory")) {
          await keeper.release();
        } else if (!skipped.aborted) {
          throw error;
        }
      }
    });
  }

  async #measure(signal: AbortSignal): Promise<void> {
    const { state, dataset, keeper, saves, onMeasured } = this.#parts;
    const { recipe, trainer } = state;
    for await (const measured of measureStop(keeper.engine, dataset, recipe, trainer, signal)) {
      saves.amend();
      onMeasured(measured);
    }
  }
}
