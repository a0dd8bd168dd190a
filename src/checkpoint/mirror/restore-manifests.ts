// Puts manifests right that were damaged or vanished while their pieces are there: the mirror has
// the newest of each run.
import { payloadOfChunk } from "../database/chunks.ts";
import { hasKillPoints, reach } from "../database/kill-points.ts";
import { decodeManifest } from "../database/manifest.ts";
import {
  findManifest,
  putEncodedManifest,
  storedKeys,
  type PayloadStore,
} from "../database/payload-store.ts";

/**
 * Before anything is collected, because pieces without a manifest look like garbage.
 * To be called under the write lock.
 * @returns the keys of the checkpoints that are back
 */
export async function restoreManifests(store: PayloadStore): Promise<string[]> {
  const restored: string[] = [];
  for (const { key, manifest: sealed } of await store.mirror.read()) {
    const found = await findManifest(key, store);
    const manifest = await decodeManifest(sealed);
    if ((found !== "missing" && found !== "damaged") || typeof manifest === "string") {
      continue;
    }
    const pieces = (await storedKeys(store.use)).filter((name) => payloadOfChunk(name) === key);
    if (pieces.length === manifest.chunks.length) {
      if (hasKillPoints) {
        await reach("in-restore");
      }
      await putEncodedManifest(key, sealed, manifest.chunks.length, store.use);
      restored.push(key);
    }
  }
  return restored;
}
