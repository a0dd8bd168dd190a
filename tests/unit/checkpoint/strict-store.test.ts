// The connection: a half-made transaction is taken back, and a database that does not answer is
// given up in time.
import "fake-indexeddb/auto";
import { get, keys, set } from "idb-keyval";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { StrictStore } from "../../../src/checkpoint/database/strict-store.ts";

const timeouts = { openingMs: 50, transactionMs: 100 };
let name = "";
let store: StrictStore;
let databases = 0;

beforeEach(() => {
  name = `strict ${databases++}`;
  store = new StrictStore(name, timeouts);
});

afterEach(() => {
  vi.restoreAllMocks();
});

test("a failing callback undoes its transaction", async () => {
  await set("a", 1, store.use);
  const broken = store.use("readwrite", (values) => {
    values.delete("a");
    throw new Error("half-way");
  });
  await expect(broken).rejects.toThrow("half-way");
  expect(await get("a", store.use)).toBe(1);
});

describe("a database that another tab is upgrading", () => {
  /** Holds the upgrade until the returned function is called; then undoes it. */
  async function holdUpgrade(version: number): Promise<() => void> {
    const request = indexedDB.open(name, version);
    return await new Promise((resolve) => {
      let isOver = false;
      request.onerror = () => undefined;
      request.onupgradeneeded = () => {
        const held = request.result.createObjectStore("held");
        const again = () => {
          if (isOver) {
            request.transaction?.abort();
          } else {
            held.get(0).onsuccess = again;
          }
        };
        again();
        resolve(() => {
          isOver = true;
        });
      };
    });
  }

  test("a database under upgrade times out, and answers when the upgrade is over", async () => {
    await set("a", 1, store.use);
    const release = await holdUpgrade(2);
    await expect(get("a", store.use)).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining("0.05 s") as string,
    });
    release();
    await vi.waitFor(async () => {
      expect(await get("a", store.use)).toBe(1);
    });
  });

  test("an open request that fails after its timeout causes no unhandled rejection", async () => {
    const late = {} as IDBOpenDBRequest;
    const open = indexedDB.open.bind(indexedDB);
    vi.spyOn(indexedDB, "open").mockImplementation((...given) =>
      given[0] === name ? late : open(...given),
    );
    await expect(keys(store.use)).rejects.toMatchObject({ code: "busy" });
    Object.assign(late, { error: new DOMException("newer", "VersionError") });
    late.onerror!(new Event("error"));
    // An unhandled rejection would fail the run.
    await new Promise((resolve) => setTimeout(resolve, 0));
  });

  test("a database upgraded by another tab is reported as a newer Anneal", async () => {
    await set("a", 1, store.use);
    const request = indexedDB.open(name, 2);
    await new Promise((resolve) => {
      request.onsuccess = resolve;
    });
    request.result.close();
    await expect(keys(store.use)).rejects.toMatchObject({
      code: "busy",
      remedy: expect.stringContaining("Reload") as string,
    });
  });
});

test("a transaction that does not end times out and is undone, and the next one works", async () => {
  await set("a", 1, store.use);
  const endless = store.use(
    "readwrite",
    (values) =>
      new Promise(() => {
        values.put(2, "a");
        const again = () => {
          values.get("a").onsuccess = again;
        };
        again();
      }),
  );
  await expect(endless).rejects.toMatchObject({ code: "busy" });
  expect(await get("a", store.use)).toBe(1);
});

test("a transaction that a closing connection aborts reports a lost connection", async () => {
  const aborted = store.use("readwrite", (values) => {
    const { transaction } = values;
    const request = values.put(1, "a");
    transaction.abort();
    return new Promise((_, reject) => {
      request.onerror = () => {
        reject(request.error ?? new Error("no error"));
      };
    });
  });
  await expect(aborted).rejects.toMatchObject({
    message: expect.stringContaining("closed the database") as string,
  });
});

test("the store keeps Chromium's message of a data loss", async () => {
  const open = vi.spyOn(indexedDB, "open");
  const listing = keys(store.use);
  const request = open.mock.results[0]!.value as IDBOpenDBRequest;
  const upgrade = request.onupgradeneeded!;
  request.onupgradeneeded = (event) => {
    Object.assign(event, { dataLoss: "total", dataLossMessage: "checksum mismatch" });
    upgrade.call(request, event);
  };
  expect(store.dataLossMessage).toBeNull();
  await listing;
  expect(store.dataLossMessage).toBe("checksum mismatch");
  await store.close();
  await keys(store.use);
  expect(store.dataLossMessage).toBe("checksum mismatch");
  expect(open).toHaveBeenCalledTimes(4); // each time the one for a new log first
});
