// From an offer to files at hand: what is fetched of a hub's repository, and that no lock outlives
// it.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { openModel } from "../../../src/model/open.ts";
import { downloadWeights } from "../../../src/models/download-weights.ts";
import { deleteDownloads } from "../../../src/sources/hub/download.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { lfsFile, repoOf } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { MemoryStorage } from "../../support/storage.ts";
import { tensorFile, tinyContents, tinyTensors } from "../model/tiny-model.ts";
import { never, openFrom } from "../sources/hub.ts";
import { Locks } from "../session/world/locks.ts";

const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const tensors = tinyTensors();
const half = tensors.length / 2;
const filesByTensor = Object.fromEntries(
  tensors.map(({ name }, i) => [name, i < half ? first : second]),
);

let server: HubServer;
let storage: MemoryStorage;
/** By the SHA-256 that the server's other origin keeps it under. */
const nameOf = new Map<string, string>();

beforeAll(async () => {
  server = await openHubServer();
  const contents = tinyContents({
    "model.safetensors": null,
    [first]: tensorFile(tensors.slice(0, half)),
    [second]: tensorFile(tensors.slice(half)),
    "model-fp32.safetensors": tensorFile(tensors),
    "model.safetensors.index.json": JSON.stringify({ weight_map: filesByTensor }),
  });
  const files = await Promise.all(
    Array.from(contents, async ([name, blob]) => {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      nameOf.set(await sha256Hex(bytes), name);
      return [name, lfsFile(bytes)] as const;
    }),
  );
  server.repos.set("org/sharded", repoOf(Object.fromEntries(files)));
});

afterAll(() => server.close());

beforeEach(() => {
  storage = new MemoryStorage();
  vi.stubGlobal("navigator", { locks: new Locks() });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A model that was looked up, and its weights brought here. */
async function bring() {
  const hub = await openFrom(server, "org/sharded");
  const model = await openModel(hub);
  server.requests.length = 0;
  const local = await downloadWeights(hub, model, storage.root, () => undefined, never);
  return { model, local };
}

test("the model's weight files are fetched, but not files already read for the offer", async () => {
  const { model, local } = await bring();
  expect(model.weightFiles).toEqual([first, second]);
  const { indexSha256 } = await openModel(local.set);
  expect(indexSha256).toBe(model.indexSha256);
  const asked = new Set(server.requests.map(({ url }) => nameOf.get(url.slice(1, 65))));
  expect([...asked].toSorted()).toEqual([first, second, "model.safetensors.index.json"]);
  await local.close();
});

test("the download of a failed conversion can be resumed and deleted", async () => {
  const { local } = await bring();
  await local.close();
  const again = await bring();
  expect(server.requests).toEqual([]);
  await again.local.close();
  expect(await deleteDownloads(storage.root)).toBeGreaterThan(0);
  expect(storage.usedBytes).toBe(0);
});
