// A store for tests, with direct access to its database and a mirror in memory.
import { openStore, type CheckpointStore } from "../../../src/checkpoint/store.ts";
import type { MirrorSlots } from "../../../src/checkpoint/mirror/mirror.ts";
import type { DataIdentity } from "../../../src/checkpoint/file/run-state.ts";
import { exampleRun, type RunChoice } from "./example-run.ts";
import { rawStore } from "./raw-store.ts";

export const chunkBytes = 1000;

export class MemorySlots implements MirrorSlots {
  readonly contents: (string | null)[] = [null, null];
  /** Set when the storage of the mirror is full or gone. */
  isBroken = false;

  read(slot: 0 | 1): Promise<string | null> {
    return this.isBroken
      ? Promise.reject(new Error("broken"))
      : Promise.resolve(this.contents[slot]!);
  }

  write(slot: 0 | 1, content: string): Promise<void> {
    if (this.isBroken) {
      return Promise.reject(new Error("broken"));
    }
    this.contents[slot] = content;
    return Promise.resolve();
  }
}

let databases = 0;

/** Identity of a data set whose hash repeats one digit. */
export function identityOf(digit: string, sizeBytes: number): DataIdentity {
  return { ...exampleRun().data, sha256: digit.repeat(64), sizeBytes };
}

export class TestStore {
  readonly name: string;
  readonly slots = new MemorySlots();
  store: CheckpointStore;

  /** @param name of a database that another store has as well, as in another tab */
  constructor(name = `made ${databases++}`) {
    this.name = name;
    this.store = this.#open();
  }

  get raw() {
    return rawStore(this.name);
  }

  /** Reopens the store, as a reload of the page does. */
  async reopen(): Promise<CheckpointStore> {
    await this.store.close();
    this.store = this.#open();
    return this.store;
  }

  /** @returns the keys, in order */
  async save(...choices: RunChoice[]): Promise<string[]> {
    const keys: string[] = [];
    for (const choice of choices) {
      keys.push((await this.store.saveCheckpoint(exampleRun(choice))).key);
    }
    return keys;
  }

  async steps(): Promise<number[]> {
    return (await this.store.listCheckpoints()).map(({ step }) => step);
  }

  /** Flips a bit in the first chunk of a payload. */
  async damage(key: string): Promise<void> {
    const bytes = new Uint8Array(((await this.raw.get(`chunk/${key}/0`)) as ArrayBuffer).slice(0));
    bytes[50]! ^= 4;
    await this.raw.set(`chunk/${key}/0`, bytes.buffer);
  }

  /** Replaces the database by an empty one, as when the browser clears or evicts it. */
  async loseDatabase(): Promise<void> {
    await this.store.close();
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(this.name);
      request.onsuccess = resolve;
      request.onerror = reject;
      request.onblocked = reject;
    });
    await this.reopen();
  }

  #open(): CheckpointStore {
    return openStore(this.name, { chunkBytes, mirrorSlots: this.slots });
  }
}
