// Opening the store: a loss is told until it is forgotten, and nothing else is called a loss.
import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test } from "vitest";
import { describeDataLoss } from "../../../src/checkpoint/store-report.ts";
import { exampleRun } from "./example-run.ts";
import { TestStore } from "./test-store.ts";

let made: TestStore;

beforeEach(() => {
  made = new TestStore();
});

describe("a database that is gone", () => {
  test("a deleted database is reported for each run until the report is dismissed", async () => {
    await made.save({ step: 10 }, { step: 20 }, { runId: "run-2", step: 5 });
    await made.loseDatabase();
    for (let i = 0; i < 2; i++) {
      const { lost, checkpoints } = await (await made.reopen()).open();
      expect(checkpoints).toEqual([]);
      expect(lost).toHaveLength(2);
      expect(lost).toContainEqual(
        expect.objectContaining({
          runId: "run-1",
          step: 20,
          remainingStep: null,
          isDatabaseGone: true,
          modelName: exampleRun().base.name,
          browserSays: null,
        }),
      );
    }
    await made.store.dismissDataLosses();
    expect((await made.store.open()).lost).toEqual([]);
  });

  test("a data loss stays reported until the lost run is saved beyond its step", async () => {
    await made.save({ step: 10 }, { runId: "run-2", step: 5 });
    await made.loseDatabase();
    await made.save({ runId: "run-2", step: 6 });
    const { lost } = await made.store.open();
    expect(lost).toMatchObject([{ runId: "run-1", step: 10, isDatabaseGone: false }]);
    await made.save({ step: 11 });
    expect((await made.store.open()).lost).toEqual([]);
  });
});

test("the report of a lost newest checkpoint names the remaining one", async () => {
  const [, newest] = await made.save({ step: 10 }, { step: 20 });
  const raw = made.raw;
  for (const key of (await raw.keys()).filter((name) => name.includes(newest!))) {
    await raw.delete(key);
  }
  const { lost } = await made.store.open();
  expect(lost).toMatchObject([{ step: 20, remainingStep: 10, isDatabaseGone: false }]);
  expect(describeDataLoss(lost[0]!)).toMatch(/saved up to step 20, and step 10 is left/);
});

describe("no loss", () => {
  test("a deletion by the user is not reported as data loss", async () => {
    const [first, second] = await made.save({ step: 10 }, { step: 20 }, { runId: "run-2" });
    await made.store.deleteCheckpoint(second!);
    expect((await made.store.open()).lost).toEqual([]);
    await made.store.deleteCheckpoint(first!);
    await made.store.deleteRun("run-2");
    expect(await (await made.reopen()).open()).toMatchObject({ lost: [], checkpoints: [] });
  });

  test("a deletion by retention or repair is not reported as data loss", async () => {
    const keys = await made.save({ step: 10 }, { step: 20 }, { step: 30 }, { step: 40 });
    await made.store.retain("run-1", 2);
    expect((await made.store.open()).lost).toEqual([]);
    await made.damage(keys[3]!);
    await made.store.repair();
    expect(await made.store.open()).toMatchObject({ lost: [], damage: [] });
  });

  test("a run from before the mirror is not a data loss, and is recorded", async () => {
    await made.save({ step: 10 });
    made.slots.contents.fill(null);
    expect((await made.store.open()).lost).toEqual([]);
    await made.loseDatabase();
    expect((await made.store.open()).lost).toMatchObject([{ step: 10 }]);
  });

  test("a store without a mirror saves and deletes, and reports no data loss", async () => {
    made.slots.isBroken = true;
    const [key] = await made.save({ step: 10 }, { step: 20 });
    await made.store.deleteCheckpoint(key!);
    expect(await made.store.open()).toMatchObject({ lost: [], damage: [] });
    expect(await made.steps()).toEqual([20]);
  });
});

describe("a damaged entry of the newest checkpoint", () => {
  test.each(["damaged", undefined])(
    "a damaged entry that became %o is restored from the mirror",
    async (value) => {
      const [, key] = await made.save({ step: 10 }, { step: 20 });
      await (value === undefined
        ? made.raw.delete(`manifest/${key!}`)
        : made.raw.set(`manifest/${key!}`, value));
      expect(await made.steps()).toEqual([10]);
      expect(await made.store.open()).toMatchObject({ restoredKeys: [key], lost: [], damage: [] });
      expect(await made.store.loadCheckpoint(key!)).toEqual(exampleRun({ step: 20 }));
    },
  );

  test("a damaged entry is restored before the next save deletes its pieces", async () => {
    const [key] = await made.save({ step: 10 });
    await made.raw.set(`manifest/${key!}`, "damaged");
    await made.save({ step: 20 });
    expect(await made.steps()).toEqual([20, 10]);
  });

  test("a damaged entry with a missing piece is not restored, and is reported as data loss", async () => {
    const [, key] = await made.save({ step: 10 }, { step: 20 });
    await made.raw.delete(`manifest/${key!}`);
    await made.raw.delete(`chunk/${key!}/1`);
    expect(await made.store.open()).toMatchObject({
      restoredKeys: [],
      lost: [{ step: 20, remainingStep: 10 }],
    });
  });
});

test("the report lists checkpoints with missing pieces or an unreadable entry", async () => {
  const [first, second] = await made.save({ step: 10 }, { step: 20 }, { step: 30 });
  await made.raw.set(`manifest/${first!}`, "damaged");
  await made.raw.delete(`chunk/${second!}/2`);
  const { damage, checkpoints } = await made.store.open();
  expect(damage).toHaveLength(2);
  expect(damage).toContainEqual({ key: first, kind: "damaged-entry", runId: null, step: null });
  expect(damage).toContainEqual({ key: second, kind: "missing-pieces", runId: "run-1", step: 20 });
  expect(checkpoints.map(({ step }) => step)).toEqual([30, 20]);
});

test.each([
  [
    { isDatabaseGone: true },
    "The browser's database that held the run of M on D up to step 7 is gone.",
  ],
  [
    { isDatabaseGone: true, browserSays: "checksum mismatch" },
    "The browser's database that held the run of M on D up to step 7 is gone (checksum mismatch).",
  ],
  [
    {},
    "The checkpoints of the run of M on D, saved up to step 7, are gone from the browser's storage.",
  ],
])("the data loss %o is described in one sentence", (facts, sentence) => {
  const loss = {
    runId: "r",
    modelName: "M",
    dataName: "D",
    step: 7,
    savedAt: 1,
    sizeBytes: 1,
    remainingStep: null,
    isDatabaseGone: false,
    browserSays: null,
  };
  expect(describeDataLoss({ ...loss, ...facts })).toBe(sentence);
});
