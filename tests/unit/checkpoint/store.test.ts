// The store when nothing goes wrong: what goes in comes out, and only what may go is deleted.
import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { decodeHashed, encodeHashed } from "../../../src/checkpoint/database/hashed-json.ts";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import type { RunSummary } from "../../../src/checkpoint/file/summary.ts";
import { openStore, type CheckpointStore } from "../../../src/checkpoint/store.ts";
import { exampleRun, type RunChoice } from "./example-run.ts";
import { rawStore } from "./raw-store.ts";
import { chunksOf, failGet } from "./store-faults.ts";

const chunkBytes = 1000;
let name = "";
let store: CheckpointStore;
let databases = 0;

beforeEach(() => {
  name = `store ${databases++}`;
  store = openStore(name, { chunkBytes });
});

async function saveAll(...choices: RunChoice[]) {
  for (const choice of choices) {
    await store.saveCheckpoint(exampleRun(choice));
  }
}

/** Makes all manifests those of an earlier version, which knew no start of a run. */
async function turnBack(schema: string): Promise<void> {
  const raw = rawStore(name);
  for (const key of (await raw.keys()).filter((each) => each.startsWith("manifest/"))) {
    const json = (await decodeHashed(await raw.get(key)))!;
    const manifest = JSON.parse(json) as { body: { isPinned?: boolean; run: object } };
    const run: Partial<RunSummary> = { ...manifest.body.run };
    delete run.isOver;
    delete run.startHeldOutLoss;
    const { isPinned, ...body } = { ...manifest.body, run };
    const pin = schema === "anneal-manifest-1" ? {} : { isPinned };
    const older = { ...manifest, schema, body: { ...body, ...pin } };
    await raw.set(key, await encodeHashed(JSON.stringify(older)));
  }
}

async function listedSteps() {
  return (await store.listCheckpoints()).map(({ step }) => step);
}

describe("a saved run", () => {
  test("a saved run is listed with the page's data and loads unchanged", async () => {
    const run = exampleRun();
    const summary = await store.saveCheckpoint(run);
    expect(summary).toMatchObject({
      runId: "run-1",
      step: 20,
      totalSteps: 1000,
      sizeBytes: encodeCheckpoint(run).length,
      loss: 2.0000000000000004,
      heldOutLoss: 1.5,
      isOver: false,
      isBest: true,
      modelName: run.base.name,
      modelSource: "demo",
      dataName: run.data.name,
      dataSource: "file",
    });
    expect(await store.listCheckpoints()).toEqual([summary]);
    expect(await store.loadCheckpoint(summary.key)).toEqual(run);
  });

  test("a saved run is stored in pieces, each in a transaction flushed to the disk", async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    const { sizeBytes } = await store.saveCheckpoint(exampleRun());
    const writes = transaction.mock.calls.filter(([, mode]) => mode === "readwrite");
    transaction.mockRestore();
    const pieces = Math.ceil(sizeBytes / chunkBytes);
    expect(writes).toHaveLength(pieces + 1);
    expect(writes.every(([, , options]) => options?.durability === "strict")).toBe(true);
    const stored = await rawStore(name).entries();
    const sizes = stored.flatMap(([, value]) =>
      value instanceof ArrayBuffer ? [value.byteLength] : [],
    );
    expect(sizes).toHaveLength(pieces);
    expect(Math.max(...sizes)).toBe(chunkBytes);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(sizeBytes);
  });

  test("a saved run may have the size of one piece, one byte more or less", async () => {
    const { length } = encodeCheckpoint(exampleRun());
    for (const size of [length - 1, length, length + 1]) {
      const exact = openStore(`${name} ${size}`, { chunkBytes: size });
      const { key } = await exact.saveCheckpoint(exampleRun());
      expect(chunksOf(await rawStore(`${name} ${size}`).keys())).toHaveLength(
        size < length ? 2 : 1,
      );
      expect(await exact.loadCheckpoint(key)).toEqual(exampleRun());
    }
  });

  test("a saved run is the trainer's state at the call, whatever the trainer does later", async () => {
    const run = exampleRun();
    const saving = store.saveCheckpoint(run);
    run.trainer.step = 21;
    run.trainer.log.pop();
    const { key } = await saving;
    expect(await store.loadCheckpoint(key)).toEqual(exampleRun());
  });

  test.each(["values", "moment1", "moment2"] as const)(
    "a run whose %s change during the save is refused and leaves no trace",
    async (part) => {
      const run = exampleRun();
      const saving = store.saveCheckpoint(run);
      run.adapter.tensors[3]![part][1]! += 1;
      await expect(saving).rejects.toThrow(/changed while it was saved/);
      expect(await rawStore(name).keys()).toEqual([]);
    },
  );

  test("a saved run has the held-out loss of its own step only", async () => {
    const summary = await store.saveCheckpoint(exampleRun({ heldOutLoss: null }));
    expect(summary.heldOutLoss).toBeNull();
    expect(summary.isBest).toBe(false);
  });
});

describe("listCheckpoints", () => {
  test("listCheckpoints returns the newest first, also when the clock was set back", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 2_000_000 });
    await saveAll({ step: 10 });
    vi.setSystemTime(1_000_000);
    await saveAll({ step: 20 }, { step: 30 });
    vi.useRealTimers();
    expect(await listedSteps()).toEqual([30, 20, 10]);
  });

  test("listCheckpoints marks the best of each run, unless the untrained model is better", async () => {
    await saveAll(
      { step: 10, heldOutLoss: 2 },
      { step: 20, heldOutLoss: 1 },
      { step: 30, heldOutLoss: 3 },
      { runId: "run-2", step: 5, heldOutLoss: 9, startHeldOutLoss: 9.5 },
      { runId: "run-3", step: 6, heldOutLoss: 9, startHeldOutLoss: 9 },
    );
    const best = (await store.listCheckpoints()).filter(({ isBest }) => isBest);
    expect(best.map(({ step }) => step)).toEqual([5, 20]);
  });

  test("listCheckpoints judges a run whose first save came before its start was measured", async () => {
    await saveAll(
      { step: 1, heldOutLoss: 2, startHeldOutLoss: null },
      { step: 2, heldOutLoss: null, startHeldOutLoss: 1.75 },
    );
    expect((await store.listCheckpoints()).map(({ isBest }) => isBest)).toEqual([false, false]);
  });

  test.each([
    ["anneal-manifest-2", 3.5, false],
    ["anneal-manifest-2", 3, true],
    ["anneal-manifest-1", 3.5, false],
  ])(
    "listCheckpoints judges checkpoints of %s by their log: %d after 3.25 is best: %o",
    async (schema, heldOutLoss, isBest) => {
      await saveAll({ step: 10, heldOutLoss: 3.75 }, { step: 20, heldOutLoss });
      await turnBack(schema);
      const listed = await openStore(name, { chunkBytes }).listCheckpoints();
      expect(listed.map((checkpoint) => checkpoint.isBest)).toEqual([isBest, false]);
    },
  );

  test("listCheckpoints takes the lowest for the best where an older file cannot be read", async () => {
    await saveAll({ step: 20, heldOutLoss: 3.5 });
    await turnBack("anneal-manifest-2");
    const raw = rawStore(name);
    const [first] = chunksOf(await raw.keys());
    await raw.set(first!, new ArrayBuffer(chunkBytes));
    const listed = await openStore(name, { chunkBytes }).listCheckpoints();
    expect(listed.map(({ step, isBest }) => [step, isBest])).toEqual([[20, true]]);
  });

  test("listCheckpoints is empty for a new database", async () => {
    expect(await store.listCheckpoints()).toEqual([]);
  });
});

describe("loadNewestValid", () => {
  test("loadNewestValid returns the newest checkpoint of its run, null without one", async () => {
    await saveAll({ step: 10 }, { step: 20 }, { runId: "run-2", step: 99 });
    expect(await store.loadNewestValid("run-1")).toMatchObject({
      run: { trainer: { step: 20 } },
      damagedKeys: [],
    });
    expect(await store.loadNewestValid("run-3")).toBeNull();
  });

  test("loadNewestValid does not return an older checkpoint when the database aborts", async () => {
    await saveAll({ step: 10 }, { step: 20 });
    failGet((request) => {
      request.transaction?.abort();
    });
    await expect(store.loadNewestValid("run-1")).rejects.toMatchObject({ code: "unexpected" });
    vi.restoreAllMocks();
  });

  test("loadNewestValid does not return an older checkpoint when one read fails", async () => {
    await saveAll({ step: 10 }, { step: 20 });
    let hasFailed = false;
    failGet(() => {
      if (!hasFailed) {
        hasFailed = true;
        throw new DOMException("It was made to fail.", "UnknownError");
      }
    });
    expect(await store.loadNewestValid("run-1")).toMatchObject({
      run: { trainer: { step: 20 } },
      damagedKeys: [],
    });
    vi.restoreAllMocks();
  });
});

describe("retain", () => {
  test("retain keeps the newest three and the best, and does not change other runs", async () => {
    await saveAll({ runId: "run-2", step: 1 });
    for (let step = 10; step <= 80; step += 10) {
      await saveAll({ step, heldOutLoss: Math.abs(step - 30) });
      await store.retain("run-1", 3);
    }
    expect(await listedSteps()).toEqual([80, 70, 60, 30, 1]);
    const owners = new Set(chunksOf(await rawStore(name).keys()).map((key) => key.split("/")[1]));
    expect(owners.size).toBe(5);
    for (const { key } of await store.listCheckpoints()) {
      await store.loadCheckpoint(key);
    }
  });

  test("retain refuses to keep none", async () => {
    await expect(store.retain("run-1", 0)).rejects.toThrow(/at least one/);
  });
});

describe("deleteCheckpoint", () => {
  test("deleteCheckpoint deletes all pieces, and a second call does nothing", async () => {
    const { key } = await store.saveCheckpoint(exampleRun());
    await store.deleteCheckpoint(key);
    await store.deleteCheckpoint(key);
    expect(await rawStore(name).keys()).toEqual([]);
    await expect(store.loadCheckpoint(key)).rejects.toMatchObject({ code: "bad-checkpoint" });
  });
});

describe("download and import", () => {
  test("a downloaded checkpoint is imported on another machine bit for bit", async () => {
    const { key } = await store.saveCheckpoint(exampleRun());
    const file = await store.readCheckpointBlob(key);
    expect(await file.bytes()).toEqual(encodeCheckpoint(exampleRun()));
    const other = openStore(`${name} other`);
    const summary = await other.importCheckpoint(file, "checkpoint-20.safetensors");
    expect(await other.listCheckpoints()).toEqual([summary]);
    expect(await other.loadCheckpoint(summary.key)).toEqual(exampleRun());
  });

  test("an import tells a rising figure that ends with every byte read and stored", async () => {
    const file = new Blob([encodeCheckpoint(exampleRun())]);
    const told: [number, number][] = [];
    const progress = (done: number, total: number) => void told.push([done, total]);
    await store.importCheckpoint(file, "file", { progress });
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toEqual([2 * file.size, 2 * file.size]);
    const figures = told.map(([done]) => done);
    expect(figures).toEqual(figures.toSorted((a, b) => a - b));
  });

  test("an import that is cancelled at any of its figures stores nothing", async () => {
    const file = new Blob([encodeCheckpoint(exampleRun())]);
    let figures = 0;
    await store.importCheckpoint(file, "file", {
      progress: () => {
        figures++;
      },
    });
    for (let at = 0; at < figures; at++) {
      const other = openStore(`${name} cancelled ${at}`, { chunkBytes });
      const abort = new AbortController();
      let left = at;
      const progress = () => {
        if (left-- === 0) {
          abort.abort();
        }
      };
      const importing = other.importCheckpoint(file, "file", { signal: abort.signal, progress });
      await expect(importing).rejects.toMatchObject({ name: "AbortError" });
      expect(await other.listCheckpoints()).toEqual([]);
      expect(await rawStore(`${name} cancelled ${at}`).keys()).toEqual([]);
    }
  });

  test.each([
    ["a page", "<html>", "not-safetensors"],
    ["an empty file", "", "not-safetensors"],
    ["weights", "\x02\0\0\0\0\0\0\0{}", "bad-checkpoint"],
  ])("the import of %s is refused and stores nothing", async (_, text, code) => {
    await expect(store.importCheckpoint(new Blob([text]), "file")).rejects.toMatchObject({ code });
    expect(await rawStore(name).keys()).toEqual([]);
  });

  test("the import of a cut or changed file is refused and stores nothing", async () => {
    const bytes = encodeCheckpoint(exampleRun());
    const nan = bytes.slice();
    nan.set([0xff, 0xff, 0xff, 0x7f], nan.length - 4);
    for (const wrong of [bytes.subarray(0, -1), nan]) {
      await expect(store.importCheckpoint(new Blob([wrong]), "file")).rejects.toMatchObject({
        name: "UserError",
      });
    }
    expect(await rawStore(name).keys()).toEqual([]);
  });
});

describe("a data set", () => {
  const data = "row\n".repeat(1000);
  const identity = { ...exampleRun().data, sizeBytes: data.length };
  const file = new Blob([data]);

  test("a data set is stored once, in pieces, and loads unchanged", async () => {
    await store.saveDataFile(identity, file);
    const before = await rawStore(name).keys();
    await store.saveDataFile(identity, file);
    expect(await rawStore(name).keys()).toEqual(before);
    expect(chunksOf(before)).toHaveLength(4);
    expect(await (await store.loadDataFile(identity.sha256))?.text()).toBe(data);
    expect(await store.loadDataFile("c".repeat(64))).toBeNull();
    expect(await store.listCheckpoints()).toEqual([]);
  });

  test("a data set is deleted with the last checkpoint that refers to it", async () => {
    await store.saveDataFile(identity, file);
    await saveAll({ step: 10 }, { step: 20 }, { step: 30, dataSha256: "c".repeat(64) });
    const [other, second, first] = await store.listCheckpoints();
    await store.deleteCheckpoint(other!.key);
    await store.deleteCheckpoint(second!.key);
    expect(await store.loadDataFile(identity.sha256)).not.toBeNull();
    await store.deleteCheckpoint(first!.key);
    expect(await store.loadDataFile(identity.sha256)).toBeNull();
    expect(await rawStore(name).keys()).toEqual([]);
  });

  test("a data set without a checkpoint is kept for a day", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
    await store.saveDataFile(identity, file);
    await saveAll({ dataSha256: "c".repeat(64) });
    expect(await store.loadDataFile(identity.sha256)).not.toBeNull();
    vi.setSystemTime(1_000_000 + 24 * 3600 * 1000);
    await saveAll({ dataSha256: "c".repeat(64) });
    vi.useRealTimers();
    expect(await store.loadDataFile(identity.sha256)).toBeNull();
  });

  test("a data set that is saved again is kept for another day", async () => {
    const hourMs = 3600 * 1000;
    vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
    await store.saveDataFile(identity, file);
    vi.setSystemTime(1_000_000 + 20 * hourMs);
    await store.saveDataFile(identity, file);
    vi.setSystemTime(1_000_000 + 40 * hourMs);
    await saveAll({ dataSha256: "c".repeat(64) });
    vi.useRealTimers();
    expect(await (await store.loadDataFile(identity.sha256))?.text()).toBe(data);
  });

  test("a data set survives a failed read and is deleted when it is damaged", async () => {
    await store.saveDataFile(identity, file);
    failGet((request) => {
      request.transaction?.abort();
    });
    await expect(store.loadDataFile(identity.sha256)).rejects.toMatchObject({ code: "unexpected" });
    failGet(() => {
      throw new DOMException("a file is gone", "NotReadableError");
    });
    expect(await store.loadDataFile(identity.sha256)).toBeNull();
    vi.restoreAllMocks();
    expect(await (await store.loadDataFile(identity.sha256))?.text()).toBe(data);
    const [piece] = chunksOf(await rawStore(name).keys());
    await rawStore(name).set(piece!, new ArrayBuffer(1));
    expect(await store.loadDataFile(identity.sha256)).toBeNull();
    expect(await rawStore(name).keys()).toEqual([]);
  });

  test("a data set of another size than its identity throws a broken invariant", async () => {
    await expect(store.saveDataFile(identity, new Blob(["x"]))).rejects.toThrow(/Broken invariant/);
  });
});
