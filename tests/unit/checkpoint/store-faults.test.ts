// The store when the machine fails: full disk, kill, flipped bits, closed connection. Older
// checkpoints always survive.
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { openStore, type CheckpointStore } from "../../../src/checkpoint/store.ts";
import { UserError } from "../../../src/util/errors.ts";
import { exampleRun } from "./example-run.ts";
import { interceptOperations } from "./operations.ts";
import { rawStore } from "./raw-store.ts";
import { chunksOf, failPut, interceptPut, killAtPut } from "./store-faults.ts";

const chunkBytes = 1000;
/** Puts of one save: its pieces and the manifest. */
const puts = Math.ceil(encodeCheckpoint(exampleRun()).length / chunkBytes) + 1;
const everyPut = Array.from({ length: puts }, (_, i) => i);
const older = exampleRun({ step: 10 });
const newer = exampleRun({ step: 20 });

let name = "";
let store: CheckpointStore;
let databases = 0;

beforeEach(() => {
  name = `faults ${databases++}`;
  store = openStore(name, { chunkBytes });
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function expectOnlyOlder(fresh: CheckpointStore) {
  expect((await fresh.listCheckpoints()).map(({ step }) => step)).toEqual([10]);
  expect((await fresh.loadNewestValid("run-1"))?.run).toEqual(older);
}

describe("a full disk", () => {
  test.each(everyPut)(
    "a disk full at put %i throws a quota error and leaves no trace",
    async (put) => {
      await store.saveCheckpoint(older);
      const before = await rawStore(name).keys();
      failPut(put);
      await expect(store.saveCheckpoint(newer)).rejects.toMatchObject({
        code: "quota",
        message: expect.stringMatching(/storage is full: \d.* k?B more are needed/) as string,
        remedy: expect.stringContaining("Delete") as string,
      });
      vi.restoreAllMocks();
      expect(await rawStore(name).keys()).toEqual(before);
      await expectOnlyOlder(store);
      await store.saveCheckpoint(newer);
      expect((await store.loadNewestValid("run-1"))?.run).toEqual(newer);
    },
  );

  test("a full disk refuses a data set and an import as well", async () => {
    const identity = { ...older.data, sizeBytes: 4 };
    failPut(0);
    await expect(store.saveDataFile(identity, new Blob(["data"]))).rejects.toMatchObject({
      code: "quota",
    });
    vi.restoreAllMocks();
    failPut(0);
    const file = new Blob([encodeCheckpoint(newer)]);
    await expect(store.importCheckpoint(file, "file")).rejects.toMatchObject({ code: "quota" });
    vi.restoreAllMocks();
    expect(await rawStore(name).keys()).toEqual([]);
  });

  test.each<[string, "open" | "put" | "delete", (key: string) => Promise<unknown>]>([
    ["pinning", "put", (key) => store.setPinned(key, true)],
    ["naming", "put", () => store.renameRun("run-1", "Pirates")],
    ["deleting", "delete", (key) => store.deleteCheckpoint(key)],
    ["opening", "open", () => openStore(name).listCheckpoints()],
  ])("a disk full while %s is a quota error too", async (_, method, work) => {
    const { key } = await store.saveCheckpoint(older);
    const prototype = (method === "open"
      ? IDBFactory.prototype
      : IDBObjectStore.prototype) as unknown as Record<string, () => unknown>;
    vi.spyOn(prototype, method).mockImplementation(() => {
      throw new DOMException("No space.", "QuotaExceededError");
    });
    await expect(work(key)).rejects.toMatchObject({
      code: "quota",
      message: expect.stringContaining("The browser's storage is full.") as string,
    });
    vi.restoreAllMocks();
    await expectOnlyOlder(store);
  });

  test("a quota error is distinguished from an abort without a reason", async () => {
    failPut(0, null);
    await expect(store.saveCheckpoint(newer)).rejects.toThrow(/without a reason/);
  });
});

describe("a kill", () => {
  test.each(everyPut)(
    "a save killed at put %i is never listed, and the next save deletes its pieces",
    async (put) => {
      await store.saveCheckpoint(older);
      killAtPut(put);
      await expect(store.saveCheckpoint(newer)).rejects.toThrow("killed");
      vi.restoreAllMocks();
      const fresh = openStore(name, { chunkBytes });
      expect(chunksOf(await rawStore(name).keys())).toHaveLength(puts - 1 + put);
      await expectOnlyOlder(fresh);
      await fresh.saveCheckpoint(newer);
      expect(chunksOf(await rawStore(name).keys())).toHaveLength(2 * (puts - 1));
      expect((await fresh.loadNewestValid("run-1"))?.run).toEqual(newer);
    },
  );

  test("a kill during garbage collection does not undo the save", async () => {
    await store.saveCheckpoint(older);
    await rawStore(name).set("chunk/torn/0", new ArrayBuffer(8));
    vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(() => {
      throw new Error("killed");
    });
    await store.saveCheckpoint(newer);
    vi.restoreAllMocks();
    expect((await store.loadNewestValid("run-1"))?.run).toEqual(newer);
    await store.saveCheckpoint(newer);
    expect(await rawStore(name).keys()).not.toContain("chunk/torn/0");
  });
});

describe("a flipped bit", () => {
  test("a flipped bit in the newest checkpoint is found, and the previous one is loaded", async () => {
    await store.saveCheckpoint(older);
    const { key } = await store.saveCheckpoint(newer);
    const raw = rawStore(name);
    const pieces = chunksOf(await raw.keys()).filter((chunk) => chunk.includes(key));
    expect(pieces).toHaveLength(puts - 1);
    for (const [i, piece] of pieces.entries()) {
      const sound = (await raw.get(piece)) as ArrayBuffer;
      const bytes = new Uint8Array(sound.slice(0));
      bytes[(i * 37) % bytes.length]! ^= 1 << (i % 8);
      await raw.set(piece, bytes.buffer);
      await expect(store.loadCheckpoint(key)).rejects.toMatchObject({ code: "bad-checkpoint" });
      await expect(store.readCheckpointBlob(key)).rejects.toMatchObject({ code: "bad-checkpoint" });
      expect(await store.loadNewestValid("run-1")).toMatchObject({
        run: { trainer: { step: 10 } },
        damagedKeys: [key],
      });
      await raw.set(piece, sound);
    }
    expect((await store.loadNewestValid("run-1"))?.run).toEqual(newer);
  });

  test("a flipped bit in a manifest hides that checkpoint, and the next save deletes it", async () => {
    await store.saveCheckpoint(older);
    const { key } = await store.saveCheckpoint(newer);
    const raw = rawStore(name);
    const manifest = (await raw.get(`manifest/${key}`)) as string;
    await raw.set(`manifest/${key}`, manifest.replace('"step":20', '"step":21'));
    await expectOnlyOlder(store);
    await expect(store.loadCheckpoint(key)).rejects.toThrow(/damaged/);
    await store.saveCheckpoint(newer);
    expect((await raw.keys()).filter((stored) => stored.includes(key))).toEqual([]);
  });

  test("a flipped bit in a data set deletes it", async () => {
    const identity = { ...older.data, sizeBytes: 4 };
    await store.saveDataFile(identity, new Blob(["data"]));
    const raw = rawStore(name);
    const [piece] = chunksOf(await raw.keys());
    await raw.set(piece!, new TextEncoder().encode("dat!").buffer);
    expect(await store.loadDataFile(identity.sha256)).toBeNull();
    expect(await raw.keys()).toEqual([]);
  });
});

describe("a read that fails once", () => {
  /** Fails the n-th read of a value. */
  function failGet(n: number, errorName: string): void {
    let count = 0;
    interceptOperations((name) => (name === "get" && count++ === n ? errorName : null));
  }

  test.each([
    [0, "UnknownError"],
    [1, "UnknownError"],
  ])("a read that fails once at value %i with %s deletes no data set", async (n, errorName) => {
    const identity = { ...older.data, sizeBytes: 4 };
    await store.saveDataFile(identity, new Blob(["data"]));
    failGet(n, errorName);
    await store.loadDataFile(identity.sha256).catch((error: unknown) => {
      expect(error).toBeInstanceOf(UserError);
    });
    vi.restoreAllMocks();
    expect(await (await store.loadDataFile(identity.sha256))?.text()).toBe("data");
  });
});

test("a database that cannot be opened throws an error in plain words", async () => {
  interceptOperations((name) => (name === "open" ? "UnknownError" : null));
  await expect(store.listCheckpoints()).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/database of the saved runs failed.*UnknownError/) as string,
  });
});

describe("a piece", () => {
  test.each([undefined, "text", new ArrayBuffer(3)])(
    "a piece that became %o is found",
    async (value) => {
      const { key } = await store.saveCheckpoint(newer);
      await rawStore(name).set(`chunk/${key}/1`, value);
      await expect(store.loadCheckpoint(key)).rejects.toMatchObject({ code: "bad-checkpoint" });
    },
  );
});

test("a run with only damaged checkpoints throws an error instead of returning none", async () => {
  for (const run of [older, newer]) {
    const { key } = await store.saveCheckpoint(run);
    await rawStore(name).set(`chunk/${key}/0`, new ArrayBuffer(chunkBytes));
  }
  await expect(store.loadNewestValid("run-1")).rejects.toThrow(/None of the 2 checkpoints/);
});

test("a manifest of a newer version of Anneal is neither listed nor deleted", async () => {
  const json = JSON.stringify({ schema: "anneal-manifest-5", kind: "checkpoint", body: {} });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(json));
  await store.saveCheckpoint(older);
  const raw = rawStore(name);
  await raw.set("manifest/future", Buffer.from(digest).toString("hex") + json);
  await raw.set("chunk/future/0", new ArrayBuffer(8));
  await store.saveCheckpoint(newer);
  expect(await raw.keys()).toEqual(expect.arrayContaining(["manifest/future", "chunk/future/0"]));
  expect(await store.listCheckpoints()).toHaveLength(2);
  await expect(store.loadCheckpoint("future")).rejects.toThrow(/newer version of Anneal/);
});

describe("the connection", () => {
  test("the connection is opened again after the browser closed it", async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await store.saveCheckpoint(older);
    const database = transaction.mock.contexts.at(-1) as IDBDatabase;
    database.close();
    database.onclose?.(new Event("close"));
    await expectOnlyOlder(store);
  });

  test("the connection is opened again after it was closed without an event", async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    await store.saveCheckpoint(older);
    (transaction.mock.contexts.at(-1) as IDBDatabase).close();
    await expectOnlyOlder(store);
  });

  test("the connection lets another tab delete the database", async () => {
    await store.saveCheckpoint(older);
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = resolve;
      request.onblocked = reject;
    });
    expect(await store.listCheckpoints()).toEqual([]);
  });

  test("the connection can be closed and used again", async () => {
    await store.close();
    await store.saveCheckpoint(older);
    await store.close();
    await expectOnlyOlder(store);
  });
});

describe("a signal", () => {
  test.each([0, 1, puts - 2])(
    "a signal stops a save after put %i and leaves no trace",
    async (last) => {
      await store.saveCheckpoint(older);
      const before = await rawStore(name).keys();
      const controller = new AbortController();
      interceptPut((put, count) => {
        if (count === last) {
          controller.abort();
        }
        return put();
      });
      await expect(store.saveCheckpoint(newer, controller.signal)).rejects.toMatchObject({
        name: "AbortError",
      });
      expect(await rawStore(name).keys()).toEqual(before);
      await expectOnlyOlder(store);
    },
  );

  test("a signal stops a load", async () => {
    const { key } = await store.saveCheckpoint(older);
    const stopped = AbortSignal.abort();
    for (const call of [
      () => store.loadCheckpoint(key, stopped),
      () => store.readCheckpointBlob(key, stopped),
      () => store.loadNewestValid("run-1", stopped),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: "AbortError" });
    }
  });
});

test("overlapping saves run one after the other", async () => {
  const runs = [10, 20, 30, 40].map((step) => exampleRun({ step }));
  await Promise.all(runs.map((run) => store.saveCheckpoint(run)));
  const listed = await store.listCheckpoints();
  expect(listed.map(({ step }) => step)).toEqual([40, 30, 20, 10]);
  for (const { key } of listed) {
    await store.loadCheckpoint(key);
  }
});
