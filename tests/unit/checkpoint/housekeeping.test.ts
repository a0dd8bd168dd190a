// What makes room takes only what may go: never a pinned checkpoint by a rule, never one of the
// last two sound ones.
import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { identityOf, TestStore } from "./test-store.ts";

let made: TestStore;

beforeEach(() => {
  made = new TestStore();
});

const generations = [10, 20, 30, 40, 50].map((step) => ({ step, heldOutLoss: null }));

describe("retention", () => {
  test("retention keeps two checkpoints even when one is requested", async () => {
    await made.save(...generations);
    await made.store.retain("run-1", 1);
    expect(await made.steps()).toEqual([50, 40]);
  });

  test.each([
    ["the newest", [4], [50, 40, 30]],
    ["the second", [3], [50, 40, 30]],
    ["the two newest", [3, 4], [50, 40, 30, 20]],
    ["all but the oldest", [1, 2, 3, 4], [50, 40, 10]],
    ["all", [0, 1, 2, 3, 4], [50, 40]],
  ])(
    "retention with damage to %s keeps older checkpoints until two intact ones remain",
    async (_, damaged, left) => {
      const keys = await made.save(...generations);
      for (const i of damaged) {
        await made.damage(keys[i]!);
      }
      await made.store.retain("run-1", 2);
      expect(await made.steps()).toEqual(left);
    },
  );

  test("retention reads each checkpoint once, and none when nothing is to be deleted", async () => {
    const get = vi.spyOn(IDBObjectStore.prototype, "get");
    const chunksRead = () =>
      get.mock.calls.filter(([key]) => (key as string).startsWith("chunk/")).length;
    await made.save(...generations.slice(0, 2));
    await made.store.retain("run-1", 2);
    expect(chunksRead()).toBe(0);
    await made.save(generations[2]!);
    await made.store.retain("run-1", 2);
    const both = chunksRead();
    await made.save(generations[3]!);
    await made.store.retain("run-1", 2);
    expect(chunksRead()).toBe(both * 1.5);
    get.mockRestore();
  });
});

describe("a pin", () => {
  test("a pin keeps a checkpoint beyond the limit until it is removed", async () => {
    const [first] = await made.save(...generations);
    await made.store.setPinned(first!, true);
    await made.store.retain("run-1", 2);
    expect(await made.steps()).toEqual([50, 40, 10]);
    const listed = await (await made.reopen()).listCheckpoints();
    expect(listed.map(({ isPinned }) => isPinned)).toEqual([false, false, true]);
    await made.store.setPinned(first!, false);
    await made.store.retain("run-1", 2);
    expect(await made.steps()).toEqual([50, 40]);
  });

  test("a pin does not change the checkpoint, and survives a damaged entry", async () => {
    const [key] = await made.save({ step: 10 });
    const before = await made.store.loadCheckpoint(key!);
    await made.store.setPinned(key!, true);
    await made.raw.set(`manifest/${key!}`, "damaged");
    await made.store.open();
    expect(await made.store.loadCheckpoint(key!)).toEqual(before);
    expect((await made.store.listCheckpoints())[0]!.isPinned).toBe(true);
  });

  test("a pin on a missing checkpoint throws an error", async () => {
    await expect(made.store.setPinned("nothing", true)).rejects.toMatchObject({
      code: "bad-checkpoint",
    });
  });

  test("a pinned checkpoint can still be deleted by the user", async () => {
    const [first, second] = await made.save({ step: 10 }, { step: 20 });
    await made.store.setPinned(first!, true);
    await made.store.setPinned(second!, true);
    await made.store.deleteCheckpoint(first!);
    await made.store.deleteRun("run-1");
    expect(await made.raw.keys()).toEqual([]);
  });
});

test("deleting a run deletes its data set unless another run is trained on it", async () => {
  const own = identityOf("c", 3);
  const shared = identityOf("b", 4);
  await made.store.saveDataFile(own, new Blob(["own"]));
  await made.store.saveDataFile(shared, new Blob(["both"]));
  await made.save({ dataSha256: own.sha256 }, { step: 30 }, { runId: "run-2" });
  await made.store.deleteRun("run-1");
  expect(await made.store.loadDataFile(own.sha256)).toBeNull();
  expect(await (await made.store.loadDataFile(shared.sha256))?.text()).toBe("both");
  expect((await made.store.listCheckpoints()).map(({ runId }) => runId)).toEqual(["run-2"]);
});

test("usage counts every stored byte once", async () => {
  const shared = identityOf("b", 4000);
  await made.store.saveDataFile(shared, new Blob([new Uint8Array(4000)]));
  const [first] = await made.save({ step: 10 }, { step: 20 }, { runId: "run-2", columns: 500 });
  await made.store.setPinned(first!, true);
  const stored = await made.raw.entries();
  const bytes = stored.reduce(
    (sum, [, value]) => sum + (value instanceof ArrayBuffer ? value.byteLength : 0),
    0,
  );
  const usage = await made.store.usage();
  expect(usage.totalBytes).toBe(bytes);
  expect(usage.dataBytes).toBe(4000);
  expect(usage.runs).toMatchObject([
    {
      runId: "run-2",
      checkpoints: 1,
      pinned: 0,
      newestStep: 20,
      dataBytes: 4000,
      isDataShared: true,
    },
    { runId: "run-1", checkpoints: 2, pinned: 1, newestStep: 20, isDataShared: true },
  ]);
  const listed = await made.store.listCheckpoints();
  expect(usage.runs.reduce((sum, run) => sum + run.checkpointBytes, 0)).toBe(
    listed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
});

describe("the name of a run", () => {
  test("a name is that of all its checkpoints and of later saves, survives a damaged entry, and can be taken back", async () => {
    await made.save({ step: 10 }, { step: 20 }, { runId: "run-2", step: 5 });
    const names = async () =>
      (await made.store.listCheckpoints()).map(({ runId, step, name }) => [runId, step, name]);
    await made.store.renameRun("run-1", "Pirates, rank 8");
    await made.save({ step: 30 });
    expect(await names()).toEqual([
      ["run-1", 30, "Pirates, rank 8"],
      ["run-2", 5, null],
      ["run-1", 20, "Pirates, rank 8"],
      ["run-1", 10, "Pirates, rank 8"],
    ]);
    const newest = (await made.store.listCheckpoints())[0]!;
    expect(newest.startedAt).toBe((await made.store.loadCheckpoint(newest.key)).startedAt);
    await made.raw.set(`manifest/${newest.key}`, "damaged");
    await (await made.reopen()).open();
    expect((await names())[0]).toEqual(["run-1", 30, "Pirates, rank 8"]);
    await made.store.renameRun("run-1", null);
    expect((await names()).every(([, , name]) => name === null)).toBe(true);
  });
});
