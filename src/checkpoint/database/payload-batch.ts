// Stores many small payloads in few transactions: each needs the disk to answer, which takes longer
// than writing them.
import { promisifyRequest } from "idb-keyval";
import { sha256Hex } from "../../util/bytes.ts";
import { chunkKey, maxChunkBytes, type ChunkRecord } from "./chunks.ts";
import { reachInTransaction } from "./kill-points.ts";
import { encodeManifest, manifestKey, type Manifest } from "./manifest.ts";
import { onceMore, storageFault, type Entry, type PayloadStore } from "./payload-store.ts";

/** A payload up to this size goes with others into one transaction, which has as many bytes. */
export const smallBytes = maxChunkBytes;

/** Its payloads are durable once `flush` resolves. Requires the write lock. */
export class PayloadBatch {
  readonly #store: PayloadStore;
  #values: [key: string, value: unknown][] = [];
  #sizeBytes = 0;

  constructor(store: PayloadStore) {
    this.#store = store;
  }

  /** Adds a payload of at most `smallBytes`. @throws UserError "quota" */
  async add<M extends Manifest>(
    bytes: Uint8Array<ArrayBuffer>,
    describe: (chunks: ChunkRecord[]) => M,
  ): Promise<Entry<M>> {
    if (this.#sizeBytes + bytes.length > smallBytes) {
      await this.flush();
    }
    const id = crypto.randomUUID();
    const { chunkBytes } = this.#store;
    const records: ChunkRecord[] = [];
    for (let begin = 0; begin < bytes.length; begin += chunkBytes) {
      const chunk = bytes.slice(begin, begin + chunkBytes);
      this.#values.push([chunkKey(id, records.length), chunk.buffer]);
      records.push({ sizeBytes: chunk.length, sha256: await sha256Hex(chunk) });
    }
    const manifest = describe(records);
    this.#values.push([manifestKey(id), await encodeManifest(manifest)]);
    this.#sizeBytes += bytes.length;
    return { id, manifest };
  }

  /** Stores what was added, all or none of it. @throws UserError "quota" */
  async flush(): Promise<void> {
    const values = this.#values;
    const sizeBytes = this.#sizeBytes;
    this.#values = [];
    this.#sizeBytes = 0;
    if (values.length === 0) {
      return;
    }
    try {
      await onceMore(() => this.#put(values));
    } catch (error) {
      throw await storageFault(error, sizeBytes);
    }
  }

  async #put(values: readonly (readonly [string, unknown])[]): Promise<void> {
    await this.#store.use("readwrite", (stored) => {
      const requests = values.map(([key, value]) => stored.put(value, key));
      requests.at(-1)?.addEventListener("success", () => {
        reachInTransaction?.("in-manifest");
      });
      return promisifyRequest(stored.transaction);
    });
  }
}
