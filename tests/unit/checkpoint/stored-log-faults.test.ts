// A long log in pieces when the machine fails: a kill, a full disk and damage in every place. A
// checkpoint with all its pieces loads bit for bit, and one that lost a piece is none.
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { longRun } from "./long-run.ts";
import { PieceStore } from "./piece-store.ts";
import { failPut, interceptPut, killAtPut } from "./store-faults.ts";

let made: PieceStore;

beforeEach(() => {
  made = new PieceStore();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** 300 entries are two pieces, 515 are four, and few are in none. */
const older = longRun(300);
const newer = longRun(515);
const puts = await putsOf(newer);
const everyPut = Array.from({ length: puts }, (_, i) => i);

/** The puts of a save after the older one: own chunks, the other copy of all pieces, a manifest. */
async function putsOf(run: RunState): Promise<number> {
  const { store } = new PieceStore();
  await store.saveCheckpoint(older);
  const put = vi.spyOn(IDBObjectStore.prototype, "put");
  await store.saveCheckpoint(run);
  const count = put.mock.calls.length;
  put.mockRestore();
  return count;
}

describe("a save with new pieces", () => {
  test.each(everyPut)("a save killed at put %i leaves the older one, then goes on", async (put) => {
    const [key] = await made.saveRuns(older);
    killAtPut(put);
    await expect(made.saveRuns(newer)).rejects.toThrow("killed");
    vi.restoreAllMocks();
    await made.reopen();
    expect(await made.steps()).toEqual([300]);
    expect(await made.store.loadCheckpoint(key!)).toEqual(older);
    await made.saveRuns(newer);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(newer);
    await made.expectNoLeftovers();
  });

  test.each(everyPut)("a disk full at put %i of a save leaves no trace", async (put) => {
    await made.saveRuns(older);
    const before = await made.raw.keys();
    failPut(put);
    await expect(made.saveRuns(newer)).rejects.toMatchObject({ code: "quota" });
    vi.restoreAllMocks();
    expect(await made.raw.keys()).toEqual(before);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(older);
  });

  test("a piece that goes after it was read back is found by the manifest's transaction", async () => {
    const [, second] = await made.saveRuns(longRun(300), longRun(301));
    const [piece] = await made.piecesOf(second!);
    const put = vi.spyOn(IDBObjectStore.prototype, "put");
    await made.saveRuns(longRun(302));
    const lastChunk = put.mock.calls.length - 2;
    put.mockRestore();
    const written: unknown[] = [];
    interceptPut((makePut, count) => {
      const request = makePut();
      if (count === lastChunk) {
        (request.source as IDBObjectStore).delete(piece!);
      }
      request.addEventListener("success", () => written.push(request.result));
      return request;
    });
    const [third] = await made.saveRuns(longRun(303));
    expect(written.filter((key) => key === piece)).toHaveLength(1);
    expect(await made.piecesOf(third!)).toContain(piece);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(303));
    await made.expectNoLeftovers();
  });
});

describe("damage to a piece", () => {
  test("a flipped bit in any piece costs its checkpoint, and the one before loads", async () => {
    const [older, newer] = await made.saveRuns(longRun(300), longRun(2500));
    const own = await made.piecesOf(newer!);
    expect(own).toHaveLength(4);
    for (const [i, piece] of own.entries()) {
      const sound = await made.raw.get(piece);
      await made.flip(piece, 37 * i);
      await expect(made.store.loadCheckpoint(newer!)).rejects.toMatchObject({
        code: "bad-checkpoint",
      });
      expect(await made.store.loadNewestValid("run-1")).toEqual({
        key: older,
        run: longRun(300),
        damagedKeys: [newer],
      });
      expect(await made.store.verify([older!, newer!])).toMatchObject([
        { state: "sound" },
        { state: "damaged" },
      ]);
      await made.raw.set(piece, sound);
    }
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(2500));
  });

  test.each([
    ["missing", (key: string) => made.raw.delete(key)],
    ["damaged", (key: string) => made.flip(key)],
  ])("a piece that is %s costs at most every other checkpoint", async (_, breakIt) => {
    const keys = await made.saveRuns(longRun(300), longRun(310), longRun(320), longRun(330));
    const broken = (await made.piecesOf(keys[3]!))[0]!;
    await breakIt(broken);
    const loaded = await made.store.loadNewestValid("run-1");
    expect(loaded).toEqual({ key: keys[2], run: longRun(320), damagedKeys: [keys[3]] });
    await made.store.retain("run-1", 1);
    // Two sound ones stay, whatever the limit.
    const states = await made.store.verify("all");
    expect(states.filter(({ state }) => state === "sound")).toHaveLength(2);
  });

  test("a missing piece is reported at the opening", async () => {
    const [, newer] = await made.saveRuns(longRun(300), longRun(310));
    await made.raw.delete((await made.piecesOf(newer!))[0]!);
    const { damage } = await (await made.reopen()).open();
    expect(damage).toEqual([{ key: newer, kind: "missing-pieces", runId: "run-1", step: 310 }]);
  });

  test.each([
    ["missing", (key: string) => made.raw.delete(key)],
    ["damaged", (key: string) => made.flip(key)],
    ["replaced by a text", (key: string) => made.raw.set(key, "text")],
  ])("the next save writes a piece that is %s anew, for all that need it", async (_, breakIt) => {
    const [older] = await made.saveRuns(longRun(300), longRun(310));
    await breakIt((await made.piecesOf(older!))[0]!);
    await made.saveRuns(longRun(320));
    expect(await made.store.loadCheckpoint(older!)).toEqual(longRun(300));
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(320));
    await made.expectNoLeftovers();
  });

  test("a save after a fallback uses the other copy than the checkpoint it fell back to", async () => {
    const [older, newer] = await made.saveRuns(longRun(300), longRun(310));
    await made.flip((await made.piecesOf(newer!))[0]!);
    expect((await made.store.loadNewestValid("run-1"))?.key).toBe(older);
    const [again] = await made.saveRuns(longRun(310));
    expect(await made.piecesOf(again!)).toEqual(await made.piecesOf(newer!));
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(310));
  });

  test("repair removes the checkpoints that need a broken piece where others are sound", async () => {
    const keys = await made.saveRuns(longRun(300), longRun(310), longRun(320));
    await made.flip((await made.piecesOf(keys[2]!))[0]!);
    const removed = { kind: "checkpoint-removed", state: "damaged", fallsBackToStep: 310 };
    const runId = "run-1";
    const actions = await made.store.repair();
    expect(actions).toHaveLength(2);
    expect(actions).toContainEqual({ ...removed, runId, key: keys[0], step: 300 });
    expect(actions).toContainEqual({ ...removed, runId, key: keys[2], step: 320 });
    await made.expectNoLeftovers();
  });

  test("a damaged manifest of a checkpoint with pieces is restored from the mirror", async () => {
    const [, newer] = await made.saveRuns(longRun(300), longRun(310));
    await made.raw.set(`manifest/${newer!}`, "damaged");
    const { restoredKeys, damage } = await (await made.reopen()).open();
    expect([restoredKeys, damage]).toEqual([[newer], []]);
    expect((await made.store.loadNewestValid("run-1"))?.run).toEqual(longRun(310));
    await made.expectNoLeftovers();
  });

  test("a manifest is not restored where a piece of it is missing", async () => {
    const [older, newer] = await made.saveRuns(longRun(300), longRun(310));
    await made.raw.delete((await made.piecesOf(newer!))[0]!);
    await made.raw.set(`manifest/${newer!}`, "damaged");
    expect((await (await made.reopen()).open()).restoredKeys).toEqual([]);
    expect((await made.store.loadNewestValid("run-1"))?.key).toBe(older);
  });
});
