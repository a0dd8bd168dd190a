// Restores manifests that are damaged or missing while their chunks exist: the mirror has the
// newest of each run.
import { keysOfChunks } from "../database/chunks.ts";
import { reach } from "../database/kill-points.ts";
import { decodeManifest } from "../database/manifest.ts";
import {
  putEncodedManifest,
  readManifests,
  storedKeys,
  type PayloadStore,
} from "../database/payload-store.ts";

/**
 * Must precede every collection, because chunks without a manifest look like garbage. Requires the
 * write lock.
 * @returns the keys of the restored checkpoints
 */
export async function restoreManifests(store: PayloadStore): Promise<string[]> {
  const restored: string[] = [];
  const keys = await storedKeys(store.use);
  const present = new Set(keys);
  const opened = await readManifests(keys, store.use);
  const whole = new Set(opened.flatMap(({ id, manifest }) => (manifest === "damaged" ? [] : [id])));
  for (const { key, manifest: encoded } of await store.mirror.read()) {
    if (whole.has(key)) {
      continue;
    }
    const manifest = await decodeManifest(encoded);
    if (typeof manifest === "string") {
      continue;
    }
    const needed = keysOfChunks(key, manifest.chunks);
    if (needed.every((name) => present.has(name))) {
      await reach?.("in-restore");
      await putEncodedManifest(key, encoded, needed, store.use);
      restored.push(key);
    }
  }
  return restored;
}
