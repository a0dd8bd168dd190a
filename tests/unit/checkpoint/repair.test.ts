// Verification finds every damage; repair takes away what is broken, and nothing that is all there
// is.
import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { identityOf, TestStore } from "./test-store.ts";

let made: TestStore;

beforeEach(() => {
  made = new TestStore();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** As Chrome does when its file for a value is gone or cut. */
function makeUnreadable(key: string): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
  const original = IDBObjectStore.prototype.get;
  vi.spyOn(IDBObjectStore.prototype, "get").mockImplementation(function (
    this: IDBObjectStore,
    wanted,
  ) {
    if ((wanted as string).startsWith(`chunk/${key}/`)) {
      throw new DOMException("Data lost due to missing file.", "NotReadableError");
    }
    return original.call(this, wanted);
  });
}

describe("verify", () => {
  test("verify returns the state of each payload, data sets included, and its progress", async () => {
    const identity = identityOf("b", 3000);
    await made.store.saveDataFile(identity, new Blob([new Uint8Array(3000)]));
    const [sound, flipped, holed] = await made.save({ step: 10 }, { step: 20 }, { step: 30 });
    await made.damage(flipped!);
    await made.raw.delete(`chunk/${holed!}/1`);
    const progress: [number, number][] = [];
    const verdicts = await made.store.verify("all", {
      progress: (done, total) => progress.push([done, total]),
    });
    const states = Object.fromEntries(verdicts.map(({ key, state }) => [key, state]));
    expect(states).toMatchObject({ [sound!]: "sound", [flipped!]: "damaged", [holed!]: "missing" });
    expect(verdicts.find(({ kind }) => kind === "data")).toMatchObject({
      state: "sound",
      sizeBytes: 3000,
    });
    expect(progress).toHaveLength(4);
    expect(progress.at(-1)![0]).toBe(progress.at(-1)![1]);
  });

  test("verify reads only the chosen keys, and stops when its signal aborts", async () => {
    const [first, second] = await made.save({ step: 10 }, { step: 20 });
    await made.damage(first!);
    expect(await made.store.verify([second!])).toMatchObject([{ key: second, state: "sound" }]);
    await expect(made.store.verify(["nothing"])).rejects.toMatchObject({ code: "bad-checkpoint" });
    await expect(made.store.verify("all", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("a piece that the browser cannot read", () => {
  test("a piece that the browser cannot read is skipped for the previous checkpoint, not deleted", async () => {
    const [, key] = await made.save({ step: 10 }, { step: 20 });
    makeUnreadable(key!);
    expect(await made.store.loadNewestValid("run-1")).toMatchObject({
      run: { trainer: { step: 10 } },
      damagedKeys: [key],
    });
    expect(await made.store.repair()).toMatchObject([
      { kind: "checkpoint-left", key, state: "unreadable" },
    ]);
    vi.restoreAllMocks();
    expect(await made.store.loadNewestValid("run-1")).toMatchObject({ key });
  });
});

describe("repair", () => {
  test("repair does nothing to an intact store", async () => {
    await made.save({ step: 10 }, { step: 20 });
    const before = await made.raw.entries();
    expect(await made.store.repair()).toEqual([]);
    expect(await made.raw.entries()).toEqual(before);
  });

  test("repair deletes damaged checkpoints of a run with an intact one, and names its step", async () => {
    const keys = await made.save(
      { step: 10 },
      { step: 20 },
      { step: 30 },
      { runId: "run-2", step: 5 },
    );
    await made.damage(keys[2]!);
    await made.raw.delete(`chunk/${keys[0]!}/0`);
    const actions = await made.store.repair();
    expect(actions).toHaveLength(2);
    const removed = { kind: "checkpoint-removed", runId: "run-1", fallsBackToStep: 20 };
    expect(actions).toContainEqual({ ...removed, key: keys[2], step: 30, state: "damaged" });
    expect(actions).toContainEqual({ ...removed, key: keys[0], step: 10, state: "missing" });
    expect(await made.steps()).toEqual([5, 20]);
    expect((await made.raw.keys()).filter((key) => key.includes(keys[2]!))).toEqual([]);
  });

  test("repair keeps a data set that the browser cannot read, and reports it", async () => {
    await made.store.saveDataFile(identityOf("b", 3), new Blob(["abc"]));
    makeUnreadable((await made.raw.keys())[0]!.split("/")[1]!);
    expect(await made.store.repair()).toMatchObject([{ kind: "data-left" }]);
    vi.restoreAllMocks();
    expect(await made.store.loadDataFile("b".repeat(64))).not.toBeNull();
  });

  test("repair keeps a run without an intact checkpoint", async () => {
    const keys = await made.save({ step: 10 }, { step: 20 });
    await made.damage(keys[0]!);
    await made.damage(keys[1]!);
    const actions = await made.store.repair();
    expect(actions.map(({ kind }) => kind)).toEqual(["checkpoint-left", "checkpoint-left"]);
    expect(await made.steps()).toEqual([20, 10]);
  });

  test("repair restores an entry, deletes a damaged data set and counts unowned pieces", async () => {
    const identity = identityOf("b", 3);
    await made.store.saveDataFile(identity, new Blob(["abc"]));
    const data = (await made.raw.keys()).find((key) => key.startsWith("chunk/"))!;
    const [old, newest] = await made.save({ step: 10 }, { step: 20 });
    await made.raw.set(data, new ArrayBuffer(3));
    await made.raw.set("chunk/torn/0", new ArrayBuffer(8));
    await made.raw.set(`manifest/${newest!}`, "damaged");
    await made.raw.set(`manifest/${old!}`, "damaged");
    const pieces = (await made.raw.keys()).filter((key) => key.startsWith(`chunk/${old!}/`)).length;
    expect(await made.store.repair()).toMatchObject([
      { kind: "entry-restored", key: newest, step: 20 },
      { kind: "data-removed", state: "damaged" },
      { kind: "leftovers-removed", entries: 1, pieces: pieces + 1 },
    ]);
    expect(await made.steps()).toEqual([20]);
    expect(await made.store.repair()).toEqual([]);
  });
});
