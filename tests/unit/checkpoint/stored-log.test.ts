// A long log is stored in pieces that saves share, each in two copies: a save costs no more however
// long the log is, and what leaves the store is what left it before.
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeHashed, encodeHashed } from "../../../src/checkpoint/database/hashed-json.ts";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { longRun } from "./long-run.ts";
import { PieceStore } from "./piece-store.ts";

let made: PieceStore;

beforeEach(() => {
  made = new PieceStore();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The bytes that `work` writes to the database and to the mirror. */
async function bytesWritten(work: () => Promise<unknown>): Promise<number> {
  let sizeBytes = 0;
  const put = vi.spyOn(IDBObjectStore.prototype, "put");
  const write = vi.spyOn(made.slots, "write");
  await work();
  for (const [value] of put.mock.calls as [ArrayBuffer | string][]) {
    sizeBytes += typeof value === "string" ? value.length : value.byteLength;
  }
  for (const [, content] of write.mock.calls) {
    sizeBytes += content.length;
  }
  put.mockRestore();
  write.mockRestore();
  return sizeBytes;
}

describe("the bytes of a save", () => {
  test("a save at 50,000 steps writes under 64 kB, though its log has 7 MB", async () => {
    const written: number[] = [];
    for (const step of [50_000, 50_010, 50_020, 50_030]) {
      const run = longRun(step);
      written.push(await bytesWritten(() => made.store.saveCheckpoint(run)));
    }
    const { sizeBytes } = (await made.store.listCheckpoints())[0]!;
    expect(sizeBytes).toBeGreaterThan(7e6);
    // The first two bring the two copies of all pieces.
    expect(Math.min(written[0]!, written[1]!)).toBeGreaterThan(7e6);
    expect(Math.max(written[2]!, written[3]!)).toBeLessThan(64_000);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(50_030));
  });

  test("saves in a row write no more in all than two copies of their pieces and what is new", async () => {
    await made.saveRuns(longRun(3000), longRun(3001));
    let sizeBytes = 0;
    for (let step = 3100; step <= 5000; step += 100) {
      sizeBytes += await bytesWritten(() => made.saveRuns(longRun(step)));
      await made.store.retain("run-1", 3);
    }
    // 2,000 entries of 150 bytes, twice in small pieces and twice in a large one; 20 ends.
    expect(sizeBytes).toBeLessThan(2000 * 160 * 4 + 20 * 40_000);
    await made.expectNoLeftovers();
  });

  test("the space of a run counts each piece once", async () => {
    await made.saveRuns(longRun(600), longRun(601), longRun(602), longRun(603));
    const stored = (await made.raw.entries()).filter(([, value]) => value instanceof ArrayBuffer);
    const sizeBytes = stored.reduce((sum, [, value]) => sum + (value as ArrayBuffer).byteLength, 0);
    expect((await made.store.usage()).checkpointBytes).toBe(sizeBytes);
  });
});

describe("the file of a checkpoint with pieces", () => {
  test("the file is what it is without pieces, byte for byte", async () => {
    const run = longRun(2600);
    const [key] = await made.saveRuns(run);
    const file = await made.store.readCheckpointBlob(key!);
    expect(Buffer.from(await file.arrayBuffer()).equals(encodeCheckpoint(run))).toBe(true);
    expect((await made.store.listCheckpoints())[0]!.sizeBytes).toBe(file.size);
  });

  test("the archive of all runs is what it is without pieces, byte for byte", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 30) });
    const archiveOf = async (fill: (store: PieceStore, run: RunState) => Promise<unknown>) => {
      const ids = [1, 2, 3].map((i) => `0000000${i}-0000-4000-8000-000000000000` as const);
      vi.spyOn(crypto, "randomUUID").mockImplementation(() => ids.shift()!);
      const store = new PieceStore();
      for (const step of [300, 400, 2600]) {
        await fill(store, longRun(step));
      }
      const archive = await new Response((await store.store.exportAll()).stream).bytes();
      return { archive: Buffer.from(archive), pieces: (await store.pieces()).length };
    };
    const pieced = await archiveOf(({ store }, run) => store.saveCheckpoint(run));
    const whole = await archiveOf(({ store }, run) =>
      store.importCheckpoint(new Blob([encodeCheckpoint(run)]), "checkpoint"),
    );
    expect(pieced.pieces).toBeGreaterThan(5);
    expect(whole.pieces).toBe(0);
    expect(pieced.archive.equals(whole.archive)).toBe(true);
  });

  test("an archive brings long logs back, and the run goes on in pieces", async () => {
    const runs = [longRun(300), longRun(400), longRun(2600)];
    await made.saveRuns(...runs);
    const archive = await new Response((await made.store.exportAll()).stream).blob();
    made = new PieceStore();
    const { imported } = await made.store.importAll(archive, "runs.zip");
    const states = await Promise.all(imported.map(({ key }) => made.store.loadCheckpoint(key)));
    expect(states).toEqual(runs.toReversed());
    await made.saveRuns(longRun(2700));
    await made.store.retain("run-1", 2);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(2700));
    await made.expectNoLeftovers();
  });

  test("an archive made from the pieces replaces a checkpoint that lost one", async () => {
    const [first, second] = await made.saveRuns(longRun(300), longRun(400));
    const archive = await new Response((await made.store.exportAll()).stream).blob();
    await made.raw.delete((await made.piecesOf(second!))[0]!);
    const { imported, alreadyHere } = await made.store.importAll(archive, "runs.zip");
    expect([imported.length, alreadyHere]).toEqual([1, 1]);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(400));
    expect(await made.store.loadCheckpoint(first!)).toEqual(longRun(300));
    await made.expectNoLeftovers();
  });
});

describe("a fork", () => {
  const forked = { after: 300, loss: 1 };

  test("a run that goes another way from an older checkpoint mixes no pieces", async () => {
    const trunk = [longRun(300), longRun(600), longRun(900)];
    const keys = await made.saveRuns(...trunk);
    const resumed = await made.store.loadCheckpoint(keys[0]!);
    expect(resumed.trainer.log).toHaveLength(300);
    const branch = [longRun(600, forked), longRun(700, forked, { after: 600, loss: 3 })];
    const branchKeys = await made.saveRuns(...branch);
    for (const [i, key] of [...keys, ...branchKeys].entries()) {
      expect(await made.store.loadCheckpoint(key)).toEqual([...trunk, ...branch][i]);
    }
    const [old, now] = [await made.piecesOf(keys[2]!), await made.piecesOf(branchKeys[1]!)];
    const hashes = (names: string[]) => names.map((name) => name.split("/")[2]);
    // Those before the fork, and only those.
    expect(hashes(now).filter((hash) => hashes(old).includes(hash))).toEqual(
      hashes(old).slice(0, 2),
    );
    await made.store.retain("run-1", 2);
    // The best stays, which is of the other branch.
    expect(await made.steps()).toEqual([700, 600, 900]);
    expect(await made.store.loadCheckpoint(keys[2]!)).toEqual(trunk[2]);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(branch[1]);
    await made.expectNoLeftovers();
  });

  test("a deleted branch leaves the pieces of the other", async () => {
    const keys = await made.saveRuns(longRun(300), longRun(600), longRun(600, forked));
    await made.store.deleteCheckpoint(keys[1]!);
    expect(await made.store.loadCheckpoint(keys[0]!)).toEqual(longRun(300));
    expect(await made.store.loadCheckpoint(keys[2]!)).toEqual(longRun(600, forked));
    await made.expectNoLeftovers();
  });
});

describe("deletion", () => {
  test("retention deletes the pieces that no checkpoint needs, and no others", async () => {
    await made.saveRuns(longRun(1900), longRun(2000));
    const small = await made.pieces();
    await made.saveRuns(longRun(2100), longRun(2200));
    await made.store.retain("run-1", 2);
    // The large piece has taken the place of the small ones.
    expect((await made.pieces()).filter((key) => small.includes(key))).toEqual([]);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(2200));
    await made.expectNoLeftovers();
  });

  test("deleting a run deletes its pieces, but not those that another run has too", async () => {
    const other = { ...longRun(300), runId: "run-2" };
    await made.saveRuns(longRun(300), longRun(600), other);
    await made.store.deleteRun("run-1");
    expect((await made.store.loadNewestValid("run-2"))?.run).toEqual(other);
    await made.expectNoLeftovers();
    await made.store.deleteRun("run-2");
    expect(await made.raw.keys()).toEqual([]);
  });

  test("a run that another tab deleted between two saves is stored anew as a whole", async () => {
    await made.saveRuns(longRun(300), longRun(301));
    const tab = new PieceStore(made.name);
    await tab.store.deleteRun("run-1");
    expect(await made.raw.keys()).toEqual([]);
    await made.saveRuns(longRun(302));
    expect((await tab.store.loadNewestValid("run-1"))?.run).toEqual(longRun(302));
  });

  test("pieces stay where a manifest of a newer version may need them", async () => {
    const [key] = await made.saveRuns(longRun(300));
    const json = JSON.stringify({ schema: "anneal-manifest-5", kind: "checkpoint", body: {} });
    await made.raw.set("manifest/future", await encodeHashed(json));
    const kept = await made.pieces();
    await made.store.deleteCheckpoint(key!);
    expect(await made.pieces()).toEqual(kept);
  });
});

describe("an earlier version", () => {
  /** Stores a run as the version before did: whole, under its manifest. */
  async function saveAsBefore(run: RunState): Promise<string> {
    const file = new Blob([encodeCheckpoint(run)]);
    const { key } = await made.store.importCheckpoint(file, "checkpoint");
    const manifest = (await decodeHashed(await made.raw.get(`manifest/${key}`)))!;
    const before = manifest.replace('"anneal-manifest-4"', '"anneal-manifest-3"');
    expect(before).not.toBe(manifest);
    await made.raw.set(`manifest/${key}`, await encodeHashed(before));
    return key;
  }

  test("a long log that an earlier version stored whole loads, and goes on in pieces", async () => {
    const key = await saveAsBefore(longRun(2600));
    await made.reopen();
    expect(await made.store.loadCheckpoint(key)).toEqual(longRun(2600));
    await made.saveRuns(longRun(2700), longRun(2800));
    const [large, small] = [1, 4];
    expect(await made.pieces()).toHaveLength(2 * (large + small) + 1 + 1);
    await made.store.setPinned(key, true);
    expect(await made.store.loadCheckpoint(key)).toEqual(longRun(2600));
    await made.store.setPinned(key, false);
    await made.store.retain("run-1", 2);
    expect(await made.steps()).toEqual([2800, 2700]);
    await made.expectNoLeftovers();
  });
});
