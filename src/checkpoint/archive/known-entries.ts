// What the store has, kept in memory during an import: to list it anew for each checkpoint of a
// thousand would take most of the time.
import { idOfManifest } from "../database/manifest.ts";
import {
  readManifests,
  soundEntries,
  storedKeys,
  type Entry,
  type PayloadStore,
  type SavedRun,
} from "../database/payload-store.ts";

export class KnownEntries {
  readonly #entries = new Map<string, Entry>();
  readonly #runs = new Map<string, SavedRun[]>();
  readonly #data = new Map<string, Entry>();

  get runs(): SavedRun[] {
    return [...this.#runs.values()].flat();
  }

  ofRun(runId: string): readonly SavedRun[] {
    return this.#runs.get(runId) ?? [];
  }

  /** A stored data set of this hash. */
  dataOf(sha256: string): Entry | undefined {
    return this.#data.get(sha256);
  }

  /** Learns what came and went since the last time. Requires the write lock. */
  async refresh({ use }: PayloadStore): Promise<void> {
    const keys = await storedKeys(use);
    const ids = new Set(keys.map(idOfManifest).filter((id) => id !== null));
    [...this.#entries.keys()]
      .filter((id) => !ids.has(id))
      .forEach((id) => {
        this.drop(id);
      });
    const unseen = keys.filter((key) => {
      const id = idOfManifest(key);
      return id !== null && !this.#entries.has(id);
    });
    soundEntries(await readManifests(unseen, use)).forEach((entry) => {
      this.add(entry);
    });
  }

  add({ id, manifest }: Entry): void {
    this.#entries.set(id, { id, manifest });
    if (manifest.kind === "data") {
      this.#data.set(manifest.dataSha256, { id, manifest });
      return;
    }
    const { runId } = manifest.run;
    this.#runs.set(runId, [...this.ofRun(runId), { id, manifest }]);
  }

  drop(id: string): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry?.manifest.kind === "checkpoint") {
      const { runId } = entry.manifest.run;
      this.#runs.set(
        runId,
        this.ofRun(runId).filter((other) => other.id !== id),
      );
    } else if (entry !== undefined && this.#data.get(entry.manifest.dataSha256)?.id === id) {
      this.#data.delete(entry.manifest.dataSha256);
    }
  }
}
