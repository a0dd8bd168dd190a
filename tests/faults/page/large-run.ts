// A run with a large state, saved like in a session: read from a device, made the safe state,
// written, then older checkpoints deleted.
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import type { PlainError } from "../../../src/util/errors.ts";
import { RunSaves } from "../../../src/run/saves.ts";
import { StallWatch } from "../../../src/run/stall-watch.ts";
import { syntheticRun } from "./synthetic-run.ts";

export class LargeRun {
  /**
   * The state on the device. The run starts with a small state, which this one replaces.
   */
  readonly #onDevice: AdapterState;
  readonly #state = syntheticRun("large", 0, 10);

  constructor(bytes: number) {
    // Twelve bytes per value: the value and two moments, four bytes each.
    this.#onDevice = syntheticRun("large", 1, Math.floor(bytes / 48)).adapter;
  }

  get sizeBytes(): number {
    return this.#onDevice.tensors.reduce((sum, { values }) => sum + 3 * values.byteLength, 0);
  }

  /** @throws the error that prevented the save of the checkpoint or data set */
  async save(store: CheckpointStore): Promise<void> {
    const blob = new Blob(["row\n"]);
    this.#state.data.sizeBytes = blob.size;
    const faults: PlainError[] = [];
    const saves = new RunSaves(
      {
        state: this.#state,
        dataBlob: blob,
        store,
        write: (work) => work(),
        emit: (event) => {
          if (event.kind === "saveFailed") {
            faults.push(event.error);
          } else if (event.kind === "saved" && event.dataError !== null) {
            faults.push(event.dataError);
          }
        },
      },
      () => Promise.resolve(this.#onDevice),
      new StallWatch(() => undefined),
    );
    this.#state.trainer.step = 1;
    await saves.save("steps");
    if (faults.length > 0) {
      throw new Error(faults.map(({ message }) => message).join("; "));
    }
  }
}
