// What is made for a new log is gone afterwards, comes before the connection, and stops nobody when
// it fails.
import "fake-indexeddb/auto";
import { get, keys, set } from "idb-keyval";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { beginFreshLog } from "../../../src/checkpoint/database/fresh-log.ts";
import { StrictStore } from "../../../src/checkpoint/database/strict-store.ts";

let name = "";
let databases = 0;

beforeEach(() => {
  name = `fresh ${databases++}`;
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function ownDatabases(): Promise<(string | undefined)[]> {
  return (await indexedDB.databases())
    .map((database) => database.name)
    .filter((databaseName) => databaseName?.startsWith(name));
}

test("the fresh log leaves no database behind", async () => {
  expect(await beginFreshLog(name)).toBeNull();
  expect(await ownDatabases()).toEqual([]);
});

test("a fresh log deletes the remains of a killed one", async () => {
  const half = indexedDB.open(`${name} fresh log`, 1);
  await new Promise((resolve) => {
    half.onsuccess = resolve;
  });
  half.result.close();
  await beginFreshLog(name);
  expect(await ownDatabases()).toEqual([]);
});

test("two tabs can begin a fresh log at once without waiting", async () => {
  await Promise.all([beginFreshLog(name), beginFreshLog(name)]);
  expect(await ownDatabases()).toEqual([]);
});

test("the fresh log ends before each connection is opened", async () => {
  const order: string[] = [];
  const open = indexedDB.open.bind(indexedDB);
  const deleteDatabase = indexedDB.deleteDatabase.bind(indexedDB);
  vi.spyOn(indexedDB, "open").mockImplementation((...given) => {
    order.push(`open ${given[0]}`);
    return open(...given);
  });
  vi.spyOn(indexedDB, "deleteDatabase").mockImplementation((given) => {
    const request = deleteDatabase(given);
    request.addEventListener("success", () => order.push(`deleted ${given}`));
    return request;
  });
  const store = new StrictStore(name);
  const connecting = [`open ${name} fresh log`, `deleted ${name} fresh log`, `open ${name}`];
  await set("a", 1, store.use);
  expect(order).toEqual(connecting);
  await store.close();
  expect(await get("a", store.use)).toBe(1);
  expect(order).toEqual([...connecting, ...connecting]);
});

test("saved values can be read where a full disk prevents the fresh log", async () => {
  await set("a", 1, new StrictStore(name).use);
  const open = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, "open").mockImplementation((...given) => {
    if (given[0] !== name) {
      throw new DOMException("full", "QuotaExceededError");
    }
    return open(...given);
  });
  expect(await get("a", new StrictStore(name).use)).toBe(1);
});

test("a browser that does not answer the fresh log times out", async () => {
  vi.spyOn(indexedDB, "open").mockReturnValue({} as IDBOpenDBRequest);
  await expect(
    keys(new StrictStore(name, { openingMs: 50, transactionMs: 100 }).use),
  ).rejects.toMatchObject({ code: "busy", message: expect.stringContaining("0.05 s") as string });
});
