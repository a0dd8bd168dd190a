// Downloads into storage: in windows, in bounded memory, and going on wherever they were stopped.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { deleteDownloads, download } from "../../../src/sources/hub/download.ts";
import type { RemoteFile } from "../../../src/sources/hub/remote-file.ts";
import { uniforms } from "../../../src/util/random.ts";
import { lfsFile, repoOf } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { MemoryStorage } from "../../support/storage.ts";
import { madeUpBytes } from "../../support/made-up-bytes.ts";
import { expectBytes, never, openFrom } from "./hub.ts";

/** 32 windows, the last one short. */
const windowBytes = 40_000;
const connections = 4;
const content = madeUpBytes(31 * windowBytes + 12_345);
const sizes = { windowBytes, connections };

let server: HubServer;
let storage: MemoryStorage;
let file: RemoteFile;
/** The last request of opening it. */
let probe: string;

beforeAll(async () => {
  server = await openHubServer();
  server.repos.set("org/a", repoOf({ "model.safetensors": lfsFile(content) }));
  server.repos.set("org/b", repoOf({ "model.safetensors": lfsFile(content) }));
});

afterAll(() => server.close());

beforeEach(async () => {
  server.fault = null;
  storage = new MemoryStorage();
  file = await openFile("org/a");
});

async function openFile(name: string): Promise<RemoteFile> {
  const opened = (await openFrom(server, name)).files.get("model.safetensors")!;
  // The redirect and the first byte are asked for ahead, so that what is on record then is the
  // download alone.
  await opened.acceptsRanges(never);
  probe = server.requests.findLast(({ headers }) => headers.range === "bytes=0-0")!.url;
  server.requests.length = 0;
  return opened;
}

async function expectStored(): Promise<void> {
  const stored = await download(file, storage.root, sizes, never);
  expect(stored.sizeBytes).toBe(content.length);
  expectBytes(await stored.read(0, content.length), content);
  expectBytes(await stored.read(5, 77_777), content.slice(5, 77_777));
  await stored.close();
}

/** Ranges that the other origin was asked for, by the file that was opened last. */
function ranges(): { begin: number; end: number }[] {
  const own = server.requests.filter(({ url }) => signatureOf(url) === signatureOf(probe));
  return own.map(({ headers }) => {
    const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    return { begin: Number(begin), end: Number(last) + 1 };
  });
}

/** The server signs each redirect anew, so this tells one opened file's requests from another's. */
const signatureOf = (url: string) => /signature=(\d+)$/.exec(url)?.[1];

const askedBytes = () => ranges().reduce((sum, { begin, end }) => sum + end - begin, 0);

describe("a download", () => {
  test("a download requests each byte once and counts the stored bytes", async () => {
    const counted: number[] = [];
    const progress = (done: number, total: number | null) => {
      expect(total).toBe(content.length);
      counted.push(done);
    };
    const stored = await download(file, storage.root, { ...sizes, progress }, never);
    expectBytes(await stored.read(0, content.length), content);
    expect(ranges().toSorted((a, b) => a.begin - b.begin)).toEqual(
      Array.from({ length: 32 }, (_, i) => ({
        begin: i * windowBytes,
        end: Math.min((i + 1) * windowBytes, content.length),
      })),
    );
    expect(counted).toHaveLength(32);
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
    expect(counted.at(-1)).toBe(content.length);
  });

  test("the bytes in flight are at most the windows in memory", async () => {
    let storedBytes = 0;
    let mostBytes = 0;
    server.fault = ({ headers, origin }) => {
      if (origin === "bytes") {
        const last = Number(/-(\d+)$/.exec(headers.range ?? "")?.[1]);
        mostBytes = Math.max(mostBytes, last + 1 - storedBytes);
      }
      return undefined;
    };
    const progress = (done: number) => {
      storedBytes = done;
    };
    await download(file, storage.root, { ...sizes, progress }, never);
    expect(mostBytes).toBeGreaterThan(windowBytes);
    expect(mostBytes).toBeLessThanOrEqual(connections * windowBytes);
  });

  test("a slow window holds back the following windows", async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    server.fault = ({ headers }) =>
      headers.range?.startsWith("bytes=0-") === true ? { delay: held } : undefined;
    const downloading = download(file, storage.root, sizes, never);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(
      ranges()
        .map(({ begin }) => begin / windowBytes)
        .toSorted(),
    ).toEqual([0, 1, 2, 3]);
    letGo();
    expectBytes(await (await downloading).read(0, content.length), content);
  });

  test("a file that is already stored is not requested again, under any name", async () => {
    await expectStored();
    file = await openFile("org/b");
    await expectStored();
    expect(server.requests).toEqual([]);
  });

  test("a download waits as long as a busy server asks, and continues", async () => {
    let count = 0;
    server.fault = () =>
      count++ === 9 ? { status: 429, headers: { "Retry-After": "1" } } : undefined;
    const begun = performance.now();
    await expectStored();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
  });

  test("a download from a server without ranges is one request", async () => {
    server.fault = () => ({ ignoreRange: true });
    file = (await openFrom(server, "org/a")).files.get("model.safetensors")!;
    expect(await file.acceptsRanges(never)).toBe(false);
    server.requests.length = 0;
    await expectStored();
    const asked = server.requests.filter(({ origin }) => origin === "bytes");
    expect(asked.map(({ headers }) => headers.range)).toEqual([undefined]);
  });
});

describe("a download that was stopped", () => {
  const draws = uniforms(42, 1, 24);

  test.each(Array.from({ length: 8 }, (_, i) => Math.floor(draws[i]! * content.length)))(
    "a download cut by the network at byte %d resumes there, except for bytes in flight",
    async (lastByte) => {
      let sent = 0;
      server.fault = ({ origin, headers }) => {
        const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
        const before = sent;
        sent += Number(last) - Number(begin) + 1;
        if (origin !== "bytes" || sent <= lastByte) {
          return undefined;
        }
        return before >= lastByte ? { status: 503 } : { cutAfter: lastByte - before };
      };
      await expect(download(file, storage.root, sizes, never)).rejects.toMatchObject({
        code: "network",
      });
      server.fault = null;
      file = await openFile("org/a");
      await expectStored();
      expect(askedBytes()).toBeLessThanOrEqual(
        content.length - lastByte + connections * windowBytes,
      );
    },
  );

  test.each(Array.from({ length: 8 }, (_, i) => 3 + Math.floor(draws[8 + i]! * 64)))(
    "a download whose tab ends at storage operation %d resumes there",
    async (operations) => {
      let storedBytes = 0;
      const progress = (done: number) => {
        storedBytes = done;
      };
      storage.operationsLeft = operations;
      await expect(download(file, storage.root, { ...sizes, progress }, never)).rejects.toThrow(
        "The tab is gone.",
      );
      storage.reopen();
      file = await openFile("org/a");
      await expectStored();
      expect(askedBytes()).toBeLessThanOrEqual(content.length - storedBytes);
    },
  );

  test.each(Array.from({ length: 8 }, (_, i) => 3 + Math.floor(draws[16 + i]! * 64)))(
    "a download with a power cut at storage operation %d ends with intact data",
    async (operations) => {
      storage.operationsLeft = operations;
      await download(file, storage.root, sizes, never).catch(() => undefined);
      storage.reopen("power cut");
      await expectStored();
    },
  );

  test("an aborted download rejects with an AbortError and closes its files", async () => {
    const stop = new AbortController();
    const progress = (done: number) => {
      if (done > 10 * windowBytes) {
        stop.abort();
      }
    };
    await expect(
      download(file, storage.root, { ...sizes, progress }, stop.signal),
    ).rejects.toMatchObject({ name: "AbortError" });
    file = await openFile("org/a");
    await expectStored();
    expect(askedBytes()).toBeLessThanOrEqual(content.length - 10 * windowBytes);
  });

  test.each([0, 1, 31, 32, 100, 1000])(
    "a download resumes from a journal cut to %d bytes",
    async (left) => {
      await expectStored();
      const [, journal] = storage.paths();
      expect(journal).toMatch(/\.journal$/);
      storage.cutOff(journal!, left);
      file = await openFile("org/a");
      await expectStored();
      expect(ranges()).toHaveLength(32 - Math.floor(left / 32));
    },
  );

  test("a download resumes at the window that was damaged in storage", async () => {
    await expectStored();
    storage.bytesAt(storage.paths()[0]!)[20 * windowBytes + 7]! ^= 1;
    file = await openFile("org/a");
    await expectStored();
    expect(ranges()).toHaveLength(12);
  });
});

describe("a flipped byte", () => {
  test.each(Array.from(uniforms(7, 1, 4), (draw) => Math.floor(draw * content.length)))(
    "a flipped byte at %d is found, and the file is downloaded again",
    async (flipByte) => {
      let isDone = false;
      server.fault = ({ headers }) => {
        const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
        const isHit = !isDone && Number(begin) <= flipByte && flipByte <= Number(last);
        isDone ||= isHit;
        return isHit ? { flipByte } : undefined;
      };
      await expectStored();
      expect(ranges()).toHaveLength(64);
    },
  );

  test("a file damaged at each attempt is refused, and nothing is left", async () => {
    server.fault = () => ({ flipByte: 1_000_000 });
    await expect(download(file, storage.root, sizes, never)).rejects.toMatchObject({
      code: "damaged-file",
      where: "model.safetensors",
    });
    expect(storage.paths()).toEqual([]);
  });
});

describe("a full disk", () => {
  test("a full disk is reported with the sizes before a byte is fetched", async () => {
    storage.quotaBytes = 1_000_000;
    await expect(download(file, storage.root, sizes, never)).rejects.toMatchObject({
      code: "quota",
      message: expect.stringContaining("1.3 MB more are needed") as string,
    });
    expect(server.requests).toEqual([]);
    expect(storage.usedBytes).toBe(0);
  });
});

describe("downloaded files", () => {
  test("a downloaded file is deleted once it is closed everywhere", async () => {
    const stored = await download(file, storage.root, sizes, never);
    await stored.close();
    await deleteDownloads(storage.root);
    expect(storage.paths()).toEqual([]);
  });

  test("the deletion of downloads includes partial files", async () => {
    storage.operationsLeft = 40;
    await download(file, storage.root, sizes, never).catch(() => undefined);
    storage.reopen();
    expect(await deleteDownloads(storage.root)).toBe(content.length);
    expect(storage.paths()).toEqual([]);
    expect(await deleteDownloads(storage.root)).toBe(0);
  });
});
