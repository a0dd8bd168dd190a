// Stored models: there from the moment their manifest is, whole or not at all, and never believed
// unread.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { cacheKey, openCache, type ModelCache } from "../../../src/sources/cache/cache.ts";
import type { ModelDescription } from "../../../src/sources/cache/cache-manifest.ts";
import { textOf } from "../../../src/sources/files.ts";
import { deleteDownloads } from "../../../src/sources/hub/download.ts";
import { makeFolder, openFile } from "../../../src/sources/storage/private-files.ts";
import { MemoryStorage } from "../../support/storage.ts";
import { madeUpBytes } from "../../support/made-up-bytes.ts";
import { expectBytes, never } from "./hub.ts";

const description: ModelDescription = {
  name: "org/small",
  source: "hub",
  revision: "a".repeat(40),
  licence: "apache-2.0",
  format: "q4, groups of 64",
};

const norm = madeUpBytes(2304, 1);
const first = madeUpBytes(100_000, 2);
const second = madeUpBytes(50_001, 3);
const config = '{"hidden_size": 576}';

let storage: MemoryStorage;
let cache: ModelCache;
let key: string;

beforeEach(async () => {
  storage = new MemoryStorage();
  cache = await openCache(storage.root);
  key = await cacheKey(["hub", "org/small", description.revision, "q4/64"]);
});

async function store(into = cache, at = key): Promise<void> {
  const writer = await into.create(at, description);
  await writer.text("config.json", config);
  await writer.write("norm/values", norm);
  await writer.write("proj/packed", first);
  await writer.write("norm/scales", new Uint8Array());
  await writer.write("proj/packed", second);
  await writer.commit();
}

async function expectWhole(from = cache, at = key): Promise<void> {
  const reader = await from.open(at);
  expect(Object.fromEntries(reader.blobs)).toEqual({
    "norm/values": [2304],
    "proj/packed": [100_000, 50_001],
    "norm/scales": [],
  });
  expectBytes(await reader.read("norm/values", 0), norm);
  expectBytes(await reader.read("proj/packed", 0), first);
  expectBytes(await reader.read("proj/packed", 1), second);
  expect(await textOf(await reader.files(), "config.json")).toBe(config);
  await reader.close();
}

const dataPath = () => `models/${key}/data`;

describe("a stored model", () => {
  test("a stored model is read back unchanged, in this session and the next", async () => {
    await store();
    await expectWhole();
    await expectWhole(await openCache(storage.root));
  });

  test("stored models are listed with their description, the last used first", async () => {
    await store();
    const other = await cacheKey(["other"]);
    await store(cache, other);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await (await cache.open(key)).close();
    const list = await cache.list();
    expect(list.map((model) => model.key)).toEqual([key, other]);
    const sizeBytes = config.length + norm.length + first.length + second.length;
    expect(list[0]).toMatchObject({ ...description, sizeBytes });
    expect(list[0]!.lastUsedAt).toBeGreaterThan(list[0]!.createdAt);
    expect(await cache.find(key)).toEqual(list[0]);
    expect(await cache.usage()).toMatchObject({ modelsBytes: 2 * sizeBytes });
  });

  test("a stored model provides its text files under the same model name", async () => {
    await store();
    const files = await (await cache.open(key)).files();
    expect(files).toMatchObject({
      source: "cache",
      name: "org/small",
      revision: description.revision,
      licence: "apache-2.0",
    });
  });

  test("stored pieces have at most 16 MiB", async () => {
    const writer = await cache.create(key, description);
    await writer.write("embedding", new Uint8Array(40 * 2 ** 20));
    await writer.commit();
    const reader = await cache.open(key);
    expect(reader.blobs.get("embedding")).toEqual([16 * 2 ** 20, 16 * 2 ** 20, 8 * 2 ** 20]);
  });

  test("deleting a stored model deletes all its files", async () => {
    await store();
    await cache.delete(key);
    expect(storage.paths()).toEqual([]);
    expect(await cache.list()).toEqual([]);
    await expect(cache.open(key)).rejects.toMatchObject({ code: "missing-file" });
    await cache.delete(key);
  });

  test("a stored model replaces the one with the same key", async () => {
    await store();
    const writer = await cache.create(key, { ...description, format: "q8" });
    await writer.write("norm/values", norm);
    await writer.commit();
    expect(await cache.list()).toMatchObject([{ format: "q8", sizeBytes: norm.length }]);
  });

  test("an aborted store leaves no model", async () => {
    const writer = await cache.create(key, description);
    await writer.write("norm/values", norm);
    await writer.abort();
    await writer.abort();
    expect(storage.paths()).toEqual([]);
    await expect(writer.commit()).rejects.toThrow("committed or aborted");
  });
});

describe("a key", () => {
  test("keys differ when parts differ or are divided differently", async () => {
    const keys = await Promise.all(
      [["a", "b"], ["ab"], ["a", "b", null], ["a,b"], ["a", 1], ["a", "1"]].map(cacheKey),
    );
    expect(new Set(keys).size).toBe(keys.length);
    for (const each of keys) {
      expect(each).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

describe("an interrupted store", () => {
  test.each(["kill", "power cut"] as const)(
    "a %s during a store leaves the model whole or absent, and other models unchanged",
    async (end) => {
      const other = await cacheKey(["other"]);
      let operations = 0;
      let isStored = false;
      while (!isStored) {
        storage = new MemoryStorage();
        cache = await openCache(storage.root);
        await store(cache, other);
        storage.operationsLeft = operations++;
        isStored = await store().then(
          () => true,
          () => false,
        );
        storage.reopen(end);
        const next = await openCache(storage.root);
        await expectWhole(next, other);
        if ((await next.find(key)) !== null) {
          await expectWhole(next);
        } else {
          expect(isStored).toBe(false);
          expect(storage.paths().filter((path) => path.includes(key))).toEqual([]);
        }
      }
      expect(operations).toBeGreaterThan(12);
    },
  );

  test("a kill during deletion leaves the model whole or absent", async () => {
    for (let operations = 0; operations < 5; operations++) {
      storage = new MemoryStorage();
      cache = await openCache(storage.root);
      await store();
      storage.operationsLeft = operations;
      await cache.delete(key).catch(() => undefined);
      storage.reopen();
      const next = await openCache(storage.root);
      if ((await next.find(key)) !== null) {
        await expectWhole(next);
      } else {
        expect(storage.paths()).toEqual([]);
      }
    }
  });

  test("a kill while the last use is recorded leaves the model whole", async () => {
    await store();
    for (let operations = 0; operations < 12; operations++) {
      storage.operationsLeft = operations;
      await cache.open(key).catch(() => undefined);
      storage.reopen();
      await expectWhole(await openCache(storage.root));
    }
  });
});

describe("a full disk", () => {
  test.each([0, 5000, 120_000, 152_400])(
    "a disk full after %d bytes is reported with the sizes, and nothing is left",
    async (quotaBytes) => {
      const other = await cacheKey(["other"]);
      await store(cache, other);
      storage.quotaBytes = storage.usedBytes + quotaBytes;
      const before = storage.paths();
      await expect(store()).rejects.toMatchObject({
        code: "quota",
        message: expect.stringMatching(
          quotaBytes === 0 ? /storage is full/ : /storage is full: [\d.]+ k?B more are needed/,
        ) as string,
      });
      expect(storage.paths()).toEqual(before);
      await expectWhole(cache, other);
      storage.quotaBytes = Infinity;
      await store();
      await expectWhole();
    },
  );
});

describe("a full disk that has no room for a file or folder", () => {
  const full = { code: "quota", message: "The browser's storage is full." };

  beforeEach(() => {
    storage.quotaBytes = storage.usedBytes;
  });

  test("no model is begun", async () => {
    await expect(cache.create(key, description)).rejects.toMatchObject(full);
    expect(await cache.list()).toEqual([]);
  });

  test("the cache is not opened, and downloads are deleted all the same", async () => {
    const empty = new MemoryStorage();
    empty.quotaBytes = 0;
    await expect(openCache(empty.root)).rejects.toMatchObject(full);
    expect(await deleteDownloads(empty.root)).toBe(0);
  });

  test("no file is opened", async () => {
    await expect(openFile(storage.root, "new")).rejects.toMatchObject(full);
    await expect(makeFolder(storage.root, "new")).rejects.toMatchObject(full);
  });

  test("an account of gigabytes that are not there is called wrong, with what to do", async () => {
    vi.stubGlobal("FileSystemFileHandle", { prototype: { createSyncAccessHandle: null } });
    const account = { usage: 6e9, usageDetails: { fileSystem: 5e9 } };
    vi.stubGlobal("navigator", {
      storage: {
        getDirectory: () => Promise.resolve(storage.root),
        estimate: () => Promise.resolve(account),
      },
    });
    await store().catch(() => undefined);
    await expect(makeFolder(storage.root, "new")).rejects.toMatchObject({
      code: "quota",
      message:
        "The browser's storage is full: 6.00 GB are in use. It counts 5.00 GB of files, but 0 B are there.",
      remedy: expect.stringMatching(/^Close the browser and open it again/) as string,
    });
    account.usageDetails.fileSystem = 1e9;
    await expect(makeFolder(storage.root, "new")).rejects.toMatchObject({
      message: "The browser's storage is full: 6.00 GB are in use.",
      remedy: expect.stringMatching(/^Delete stored models/) as string,
    });
    vi.unstubAllGlobals();
  });
});

describe("a damaged model", () => {
  const refused = async (reading: Promise<unknown>, message: RegExp) => {
    await expect(reading).rejects.toMatchObject({ code: "damaged-file" });
    await expect(reading).rejects.toThrow(message);
  };

  test("a damaged model is found by its changed piece", async () => {
    await store();
    storage.bytesAt(dataPath())[config.length + norm.length + 100_000]! ^= 1;
    const reader = await cache.open(key);
    expectBytes(await reader.read("proj/packed", 0), first);
    await refused(reader.read("proj/packed", 1), /org\/small, proj\/packed.*50\.0 kB differ/);
    await refused(
      reader.verify(() => undefined, never),
      /proj\/packed/,
    );
  });

  test("a truncated model is found by its size", async () => {
    await store();
    storage.cutOff(dataPath(), 1000);
    await refused(cache.open(key), /1000 of its 152325 bytes are left/);
  });

  test("a verification reads the whole model and reports progress", async () => {
    await store();
    const reader = await cache.open(key);
    const counted: (number | null)[] = [];
    await reader.verify((done, total) => {
      counted.push(done);
      expect(total).toBe(152_325);
    }, never);
    expect(counted.at(-1)).toBe(152_325);
  });

  test("a model with a changed manifest is not listed, and is deleted", async () => {
    await store();
    for (const at of [0, 70, 300]) {
      await store();
      storage.bytesAt(`models/${key}/manifest`)[at]! ^= 1;
      expect(await cache.list()).toEqual([]);
      await openCache(storage.root);
      expect(storage.paths()).toEqual([]);
    }
  });

  test("a model without a requested blob reports the blob", async () => {
    await store();
    const reader = await cache.open(key);
    await refused(reader.read("head", 0), /head.*not stored/);
  });
});

describe("a model of a later version", () => {
  test("a model of a later version is neither read nor deleted", async () => {
    await store();
    const { sha256Hex } = await import("../../../src/util/bytes.ts");
    const json = new TextDecoder()
      .decode(storage.bytesAt(`models/${key}/manifest`))
      .slice(64)
      .replace("anneal-model-1", "anneal-model-2");
    const bytes = new TextEncoder().encode(json);
    const sealed = new TextEncoder().encode((await sha256Hex(bytes)) + json);
    storage.bytesAt(`models/${key}/manifest`).set(sealed);
    const next = await openCache(storage.root);
    expect(await next.list()).toEqual([]);
    expect(storage.paths()).toHaveLength(2);
  });
});
