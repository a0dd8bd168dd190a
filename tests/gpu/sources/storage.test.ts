// Downloads and stored models in the browser's own file system: killed at any moment, in two tabs,
// on a full disk.
import { commands, cdp } from "vitest/browser";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { madeUpBytes } from "../../support/made-up-bytes.ts";
import { openTab, type Tab } from "./tab.ts";

const windowBytes = 256 * 1024;
const content = madeUpBytes(37 * windowBytes + 1234);
const token = "hf_canary";

/** A killed tab's locks and files are given back a little later. */
const later = { timeout: 10_000 };

let endpoint: string;
let contentHash: string;
let tabs: Tab[];

beforeAll(async () => {
  endpoint = await commands.openHub(content.length, token);
  contentHash = await sha256Hex(content);
});

afterAll(() => commands.closeHub());

beforeEach(async () => {
  tabs = [];
  await commands.setHubFault(null);
  await clear();
  await commands.takeHubRequests();
});

afterEach(async () => {
  for (const tab of tabs) {
    tab.kill();
  }
  await setQuota(undefined);
  await clear();
});

async function clear(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  for (const name of ["downloads", "models"]) {
    const remove = () =>
      root.removeEntry(name, { recursive: true }).then(
        () => true,
        (error: unknown) => (error as Error).name === "NotFoundError",
      );
    await expect.poll(remove, later).toBe(true);
  }
}

async function open(): Promise<Tab> {
  const tab = await openTab();
  tabs.push(tab);
  return tab;
}

async function setQuota(quotaSize: number | undefined): Promise<void> {
  await cdp().send("Storage.overrideQuotaForOrigin", {
    origin: location.origin,
    ...(quotaSize !== undefined && { quotaSize }),
  });
}

function bytesOf(range: string | null): number {
  const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  return Number(last) + 1 - Number(begin);
}

/** Bytes that the other origin was asked for, from the first of the hub's redirects that counts. */
async function askedBytes(firstRedirect = 0): Promise<number> {
  const requests = await commands.takeHubRequests();
  return requests
    .filter(({ origin, redirect }) => origin === "bytes" && redirect >= firstRedirect)
    .reduce((sum, { range }) => sum + bytesOf(range), 0);
}

/** Kills the tab when it has come so far. */
async function killedAt(
  amount: number,
  run: (onProgress: (done: number) => void) => void,
  tab: Tab,
) {
  await new Promise<void>((resolve) => {
    run((done) => {
      if (done >= amount) {
        resolve();
      }
    });
  });
  tab.kill();
}

describe("a download in a browser", () => {
  test("a download follows a redirect to another origin without a token and without a preflight", async () => {
    const tab = await open();
    expect(await tab.run("download", { endpoint, name: "org/a", token })).toBe(contentHash);
    const requests = await commands.takeHubRequests();
    const toBytes = requests.filter(({ origin }) => origin === "bytes");
    expect(toBytes.length).toBeGreaterThan(37);
    for (const { method, authorization } of toBytes) {
      expect({ method, authorization }).toEqual({ method: "GET", authorization: null });
    }
    const toHub = requests.filter(({ origin, method }) => origin === "hub" && method === "GET");
    expect(toHub.length).toBeGreaterThanOrEqual(3);
    expect(new Set(toHub.map(({ authorization }) => authorization))).toEqual(
      new Set([`Bearer ${token}`]),
    );
  });

  test.each([1, 900_000, 5_000_001, 9_500_000])(
    "a download killed after %d bytes resumes there, except for bytes in flight",
    async (killAt) => {
      await commands.setHubFault({ delayMs: 5 });
      const first = await open();
      let done = 0;
      await killedAt(
        killAt,
        (onProgress) => {
          void first.run("download", { endpoint, name: "org/a" }, (now) => {
            done = now;
            onProgress(now);
          });
        },
        first,
      );
      const before = await commands.takeHubRequests();
      const killed = Math.max(...before.map(({ redirect }) => redirect));
      const second = await open();
      const counted: number[] = [];
      const hash = await second.run("download", { endpoint, name: "org/a" }, (now) => {
        counted.push(now);
      });
      expect(hash).toBe(contentHash);
      expect(counted.at(-1)).toBe(content.length);
      const probe = 1;
      expect(await askedBytes(killed + 1)).toBeLessThanOrEqual(
        content.length - done + windowBytes + probe,
      );
    },
  );

  test("a download in two tabs is one, and stays until both have closed it", async () => {
    const [first, second] = [await open(), await open()];
    await commands.setHubFault({ delayMs: 5 });
    const hashes = await Promise.all([
      first.run("download", { endpoint, name: "org/a" }),
      second.run("download", { endpoint, name: "org/b" }),
    ]);
    expect(hashes).toEqual([contentHash, contentHash]);
    // One byte each: whether the server sends ranges at all.
    expect(await askedBytes()).toBeLessThanOrEqual(content.length + 2);
    expect(await first.run("deleteDownloads")).toBe(0);
    await first.run("closeAll");
    expect(await first.run("deleteDownloads")).toBe(0);
    await second.run("closeAll");
    expect(await first.run("deleteDownloads")).toBe(content.length);
  });

  test("a download with a flipped byte is refused, and nothing is left", async () => {
    await commands.setHubFault({ flipByte: 7_000_000 });
    const tab = await open();
    await expect(tab.run("download", { endpoint, name: "org/a" })).rejects.toMatchObject({
      code: "damaged-file",
    });
    expect(await tab.run("deleteDownloads")).toBe(0);
  });

  test("a download to a full disk is refused with the sizes before a byte is fetched", async () => {
    const tab = await open();
    const usage = (await tab.run("usage")) ?? 0;
    await setQuota(usage + 4_000_000);
    const downloading = tab.run("download", { endpoint, name: "org/a" });
    await expect(downloading).rejects.toThrow(/9\.7 MB more are needed/);
    await expect(downloading).rejects.toMatchObject({ code: "quota" });
    expect(await askedBytes()).toBe(0);
    await setQuota(undefined);
    expect(await tab.run("download", { endpoint, name: "org/a" })).toBe(contentHash);
  });
});

describe("a stored model in a browser", () => {
  const sizes = { pieces: 6, pieceBytes: 1_000_000 };

  test("a stored model is available in the next tab", async () => {
    await (await open()).run("store", { name: "a", ...sizes });
    const next = await open();
    expect(await next.run("list")).toEqual(["a"]);
    expect(await next.run("open", { name: "a" })).toBe(6);
  });

  test.each([1, 3, 6])(
    "a store killed at piece %d leaves neither the model nor its bytes",
    async (piece) => {
      const first = await open();
      await first.run("store", { name: "a", ...sizes });
      await killedAt(
        piece,
        (onProgress) => {
          void first.run("store", { name: "b", pieces: 50, pieceBytes: 1_000_000 }, onProgress);
        },
        first,
      );
      const next = await open();
      await expect.poll(() => next.run("list"), later).toEqual(["a"]);
      expect(await next.run("open", { name: "a" })).toBe(6);
      const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
      await expect
        .poll(async () => {
          await next.run("list");
          const keys: string[] = [];
          for await (const key of models.keys()) {
            keys.push(key);
          }
          return keys.length;
        }, later)
        .toBe(1);
    },
  );

  test("a stored model open in two tabs is deleted only after both close it", async () => {
    const [first, second] = [await open(), await open()];
    await first.run("store", { name: "a", ...sizes });
    await first.run("open", { name: "a" });
    await second.run("open", { name: "a" });
    await expect(second.run("delete", { name: "a" })).rejects.toMatchObject({ code: "busy" });
    await second.run("closeAll");
    await expect(second.run("delete", { name: "a" })).rejects.toMatchObject({ code: "busy" });
    first.kill();
    await expect
      .poll(
        () =>
          second.run("delete", { name: "a" }).then(
            () => "deleted",
            (error: unknown) => String(error),
          ),
        later,
      )
      .toBe("deleted");
    expect(await second.run("list")).toEqual([]);
  });

  test("a model is stored by one tab at a time", async () => {
    const [first, second] = [await open(), await open()];
    let storing: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      storing = first.run("store", { name: "a", pieces: 60, pieceBytes: 1_000_000 }, () => {
        resolve();
      });
    });
    await expect(second.run("store", { name: "a", ...sizes })).rejects.toMatchObject({
      code: "busy",
    });
    expect(await second.run("list")).toEqual([]);
    await storing;
    expect(await second.run("open", { name: "a" })).toBe(60);
  });

  test("a store on a full disk leaves nothing, and the other models stay", async () => {
    const tab = await open();
    await tab.run("store", { name: "a", ...sizes });
    const usage = (await tab.run("usage")) ?? 0;
    await setQuota(usage + 5_000_000);
    const storing = tab.run("store", { name: "b", pieces: 50, pieceBytes: 1_000_000 });
    await expect(storing).rejects.toThrow(/1\.0 MB more are needed; [\d.]+ MB are in use/);
    await expect(storing).rejects.toMatchObject({ code: "quota" });
    expect(await tab.run("list")).toEqual(["a"]);
    expect(await tab.run("open", { name: "a" })).toBe(6);
    await expect.poll(() => tab.run("usage"), later).toBeLessThan(usage + 100_000);
  });

  test("a model damaged on the disk is refused", async () => {
    const tab = await open();
    await tab.run("store", { name: "a", ...sizes });
    await tab.run("damage", { name: "a", at: 3_500_000 });
    await expect(tab.run("open", { name: "a" })).rejects.toMatchObject({
      code: "damaged-file",
      where: "a, tensor-3",
    });
  });
});
