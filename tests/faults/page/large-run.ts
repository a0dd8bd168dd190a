// A run with a large state, saved as the session saves one: read from a device, made the safe
// state, written, thinned out.
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import type { PlainError } from "../../../src/util/errors.ts";
import { RunSaves } from "../../../src/run/saves.ts";
import { StallWatch } from "../../../src/run/stall-watch.ts";
import { syntheticRun } from "./synthetic-run.ts";

export class LargeRun {
  /**
   * What the device holds. The run itself begins with a small one, which the large one replaces.
   */
  readonly #onDevice: AdapterState;
  readonly #state = syntheticRun("large", 0, 10);

  constructor(bytes: number) {
    // Twelve parts of four bytes a value.
    this.#onDevice = syntheticRun("large", 1, Math.floor(bytes / 48)).adapter;
  }

  get sizeBytes(): number {
    return this.#onDevice.tensors.reduce((sum, { values }) => sum + 3 * values.byteLength, 0);
  }

  /** @throws what kept the checkpoint or the data set from being saved */
  async save(store: CheckpointStore): Promise<void> {
    const blob = new Blob(["row\n"]);
    this.#state.data.sizeBytes = blob.size;
    const { sha256 } = this.#state.data;
    const faults: PlainError[] = [];
    const saves = new RunSaves(
      {
        state: this.#state,
        data: { source: "file", name: "rows.jsonl", blob, sha256, examples: [] },
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
