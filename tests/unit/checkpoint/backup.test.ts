// All runs in one file and back: bit for bit, with pins and times, and nothing of a damaged or
// altered file.
import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { readZip } from "../../../src/formats/zip-read.ts";
import { zipStream } from "../../../src/formats/zip.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { exampleRun } from "./example-run.ts";
import { TestStore } from "./test-store.ts";

const content = new Uint8Array(3000).fill(7);
const identity = { ...exampleRun().data, sizeBytes: 3000, sha256: await sha256Hex(content) };
let made: TestStore;

beforeEach(async () => {
  made = new TestStore();
  await made.store.saveDataFile(identity, new Blob([content]));
});

async function exported(): Promise<Blob> {
  const { stream, sizeBytes } = await made.store.exportAll();
  const blob = await new Response(stream).blob();
  expect(blob.size).toBe(sizeBytes);
  return blob;
}

/** The same archive with another index, as nobody exports it. */
async function withIndex(file: Blob, change: (json: string) => string): Promise<Blob> {
  const { members } = await readZip(blobSource(file, "runs.zip"));
  const parts = await Promise.all(
    [...members].map(async ([name, { begin, sizeBytes }]) => {
      const bytes = new Uint8Array(await file.slice(begin, begin + sizeBytes).arrayBuffer());
      const text = new TextDecoder().decode(bytes);
      return [
        name,
        name.endsWith(".json") ? new TextEncoder().encode(change(text)) : bytes,
      ] as const;
    }),
  );
  const { stream } = zipStream(
    parts.map(([name, bytes]) => ({
      name,
      sizeBytes: bytes.length,
      open: () => new Blob([bytes]).stream(),
    })),
  );
  return await new Response(stream).blob();
}

type Entry = Record<string, unknown>;

describe("an archive of all runs", () => {
  test("an archive carries every run to another machine with data, times, names and pins", async () => {
    const [pinned] = await made.save({ step: 10 }, { step: 20 }, { runId: "run-2", step: 7 });
    await made.store.setPinned(pinned!, true);
    await made.store.renameRun("run-2", "Pirates");
    const other = new TestStore();
    const progress: number[] = [];
    const { imported, alreadyHere } = await other.store.importAll(await exported(), "runs.zip", {
      progress: (done, total) => progress.push(done / total),
    });
    expect([imported.length, alreadyHere]).toEqual([3, 0]);
    expect(progress.at(-1)).toBe(1);
    const ours = await made.store.listCheckpoints();
    const theirs = await other.store.listCheckpoints();
    const elsewhere = (summary: (typeof ours)[number]) => ({ ...summary, key: "" });
    expect(theirs.map(elsewhere)).toEqual(ours.map(elsewhere));
    for (const { key, runId, step } of theirs) {
      expect(await other.store.loadCheckpoint(key)).toEqual(exampleRun({ runId, step }));
    }
    expect((await other.store.loadDataFile(identity.sha256))?.size).toBe(3000);
  });

  test("an imported run is stored once, whatever the number of imports and pieces", async () => {
    await made.save({ step: 10 }, { step: 20 });
    const file = await exported();
    expect(await made.store.importAll(file, "runs.zip")).toEqual({
      imported: [],
      alreadyHere: 2,
      refused: [],
      redated: [],
    });
    const other = new TestStore();
    await other.store.importAll(file, "runs.zip");
    expect(await other.store.importAll(file, "runs.zip")).toMatchObject({ alreadyHere: 2 });
  });

  test("an imported run does not become newer than the stored ones", async () => {
    await made.save({ step: 10 });
    const file = await exported();
    await made.save({ step: 20 });
    const [, first] = await made.store.listCheckpoints();
    await made.store.deleteCheckpoint(first!.key);
    await made.store.importAll(file, "runs.zip");
    expect(await made.steps()).toEqual([20, 10]);
    expect(await made.store.loadNewestValid("run-1")).toMatchObject({
      run: { trainer: { step: 20 } },
    });
  });

  test("an archive of an empty store contains no run", async () => {
    const empty = new TestStore();
    const { stream } = await empty.store.exportAll();
    const file = await new Response(stream).blob();
    expect(await made.store.importAll(file, "runs.zip")).toEqual({
      imported: [],
      alreadyHere: 0,
      refused: [],
      redated: [],
    });
  });
});

describe("damaged runs and archives", () => {
  test("a damaged checkpoint is left out of the archive and named", async () => {
    const [broken] = await made.save({ step: 10 }, { step: 20 });
    await made.damage(broken!);
    expect((await made.store.exportAll()).skippedKeys).toEqual([broken]);
    const other = new TestStore();
    await other.store.importAll(await exported(), "runs.zip");
    expect(await other.steps()).toEqual([20]);
  });

  test("an import repairs a damaged checkpoint and keeps its pin", async () => {
    const [broken, sound] = await made.save({ step: 10 }, { step: 20 });
    const file = await exported();
    await made.store.setPinned(broken!, true);
    await made.damage(broken!);
    const [data] = (await made.raw.keys()).filter(
      (key) => key.startsWith("chunk/") && !key.includes(broken!) && !key.includes(sound!),
    );
    await made.damage(data!.split("/")[1]!);
    const { imported, alreadyHere } = await made.store.importAll(file, "runs.zip");
    expect([imported.map(({ step }) => step), alreadyHere]).toEqual([[10], 1]);
    expect(await made.store.listCheckpoints()).toMatchObject([
      { step: 20, key: sound },
      { step: 10, isPinned: true },
    ]);
    expect(await made.store.verify("all")).toMatchObject(Array(3).fill({ state: "sound" }));
    expect((await made.store.open()).lost).toEqual([]);
  });

  test("a checkpoint deleted during the export is not reported as damaged", async () => {
    const [, deleted] = await made.save({ step: 10 }, { step: 20 });
    const { raw } = made;
    const gone = (await raw.keys()).filter((key) => key.includes(deleted!));
    const get = vi.spyOn(IDBObjectStore.prototype, "get");
    get.mockImplementation(function (this: IDBObjectStore, key) {
      get.mockRestore();
      // Behind this look, which is the first at a listed checkpoint, and before the next.
      gone.forEach((one) => void raw.delete(one));
      return this.get(key);
    });
    const { skippedKeys, stream } = await made.store.exportAll();
    expect(await made.steps()).toEqual([10]);
    expect(skippedKeys).toEqual([]);
    await new Response(stream).blob();
  });

  test("damage during the export ends the archive with an error", async () => {
    const [key] = await made.save({ step: 10 });
    const { stream } = await made.store.exportAll();
    await made.damage(key!);
    await expect(new Response(stream).blob()).rejects.toMatchObject({ code: "bad-checkpoint" });
  });

  test("a flipped bit in an archive never changes a checkpoint, and is told", async () => {
    await made.save({ step: 10 });
    const bytes = new Uint8Array(await (await exported()).arrayBuffer());
    let told = 0;
    for (let at = 0; at < bytes.length; at += 31) {
      const other = new TestStore();
      const altered = bytes.slice();
      altered[at]! ^= 1 << (at % 8);
      const outcome = await other.store
        .importAll(new Blob([altered]), "runs.zip")
        .catch((error: unknown) => {
          expect(error).toMatchObject({ name: "UserError", remedy: expect.any(String) as string });
          return null;
        });
      told += outcome === null || outcome.refused.length > 0 ? 1 : 0;
      for (const { key, step } of await other.store.listCheckpoints()) {
        expect(await other.store.loadCheckpoint(key)).toEqual(exampleRun({ step }));
      }
    }
    expect(told).toBeGreaterThan(100);
  });

  const inRun = /checkpoint-1\d\.safetensors$/;
  test.each<[string, Entry, RegExp]>([
    ["another run", { runId: "run-9" }, inRun],
    ["another step", { step: 11 }, inRun],
    ["no whole time", { savedAt: 0.5 }, inRun],
    ["a time before 1970", { savedAt: -1 }, inRun],
    ["an unknown field", { other: 1 }, inRun],
    ["a missing file", { file: "runs/x/checkpoint-12.safetensors" }, inRun],
    ["other bytes", { chunks: [{ sizeBytes: 1000, sha256: "c".repeat(64) }] }, inRun],
    ["no name", { file: 5 }, /^entry 1$/],
    ["other data", { sha256: "c".repeat(64) }, /^data\//],
  ])("an entry of %s costs that entry alone, by name", async (_, change, name) => {
    await made.save({ step: 10 }, { runId: "run-2", step: 7 });
    const file = await withIndex(await exported(), (json) => {
      const index = JSON.parse(json) as { checkpoints: Entry[]; data: Entry[] };
      index.checkpoints.sort((a, b) => Number(b["step"]) - Number(a["step"]));
      Object.assign("sha256" in change ? index.data[0]! : index.checkpoints[0]!, change);
      return JSON.stringify(index);
    });
    const other = new TestStore();
    const { refused } = await other.store.importAll(file, "runs.zip");
    expect(refused).toMatchObject([{ file: expect.stringMatching(name) as string }]);
    expect(await other.steps()).toEqual("sha256" in change ? [7, 10] : [7]);
    const data = await other.store.loadDataFile(identity.sha256);
    expect(data?.size).toBe("sha256" in change ? undefined : 3000);
  });

  test.each([
    ["of another format", /"format": "anneal-runs"/, `"format": "${"other ".repeat(100)}"`],
    ["of a newer version", /"version": 2/, '"version": 3'],
    ["cut off", /"data"[^]*/, ""],
    ["that lists a file twice", /"checkpoints": \[([^]*?)\n \],/, '"checkpoints": [$1, $1\n ],'],
    [
      "that lists a checkpoint as a data set too",
      /("file": "runs[^"]*")([^]*)"file": "data[^"]*"/,
      "$1$2$1",
    ],
  ])(
    "an archive with an index %s is refused before anything is stored",
    async (_, before, after) => {
      await made.save({ step: 10 });
      const file = await withIndex(await exported(), (json) => {
        expect(json).toMatch(before);
        return json.replace(before, after);
      });
      const other = new TestStore();
      const importing = other.store.importAll(file, "runs.zip");
      const fault: unknown = await importing.catch((error: unknown) => error);
      expect(fault).toMatchObject({ code: "bad-checkpoint" });
      expect((fault as Error).message.length).toBeLessThan(400);
      expect(await other.raw.keys()).toEqual([]);
    },
  );

  test.each([
    ["a text", new Blob(["hello, this is not an archive at all"]), "bad-header"],
    ["nothing", new Blob([]), "bad-header"],
  ])("an archive that contains %s is refused", async (_, file, code) => {
    await expect(made.store.importAll(file, "runs.zip")).rejects.toMatchObject({ code });
  });
});

describe("times at their limit", () => {
  const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

  async function datedAt(...times: number[]): Promise<Blob> {
    const pending = [...times];
    return await withIndex(await exported(), (json) =>
      json.replace(/"savedAt": \d+(?=,\n {3}"chunks": \[[^\]]*\],\n {3}"runId")/g, () => {
        return `"savedAt": ${pending.shift()!}`;
      }),
    );
  }

  /** All times are within the range, differ, and rise with the steps. */
  async function expectOrder(store: TestStore, steps: number[]): Promise<void> {
    const listed = await store.store.listCheckpoints();
    expect(listed.map(({ step }) => step)).toEqual(steps);
    const times = listed.map(({ createdAt }) => createdAt);
    expect(new Set(times).size).toBe(times.length);
    expect(times.every((time) => time <= latest)).toBe(true);
    expect(() => times.map((time) => new Date(time).toISOString())).not.toThrow();
  }

  test.each([
    ["the last permitted moment", latest],
    ["past the range, as an earlier version exported it", latest + 1],
    ["past all dates", Number.MAX_SAFE_INTEGER],
  ])("a checkpoint dated %s is dated now, told, and our export comes back", async (_, time) => {
    await made.save({ step: 10 });
    const file = await datedAt(time);
    const other = new TestStore();
    const { imported, redated } = await other.store.importAll(file, "runs.zip");
    expect([imported.length, redated.length]).toEqual([1, 1]);
    await other.save({ step: 20 });
    await expectOrder(other, [20, 10]);
    const back = await new Response((await other.store.exportAll()).stream).blob();
    const third = new TestStore();
    expect(await third.store.importAll(back, "runs.zip")).toMatchObject({
      imported: [{ step: 20 }, { step: 10 }],
      refused: [],
      redated: [],
    });
    await expectOrder(third, [20, 10]);
    expect(await other.store.importAll(file, "runs.zip")).toMatchObject({
      imported: [],
      alreadyHere: 1,
    });
  });

  test("a store with times past the range, of an earlier version, gets them mended", async () => {
    const [first, second] = await made.save({ step: 10 }, { step: 20 });
    // Behind the store's back, as an earlier version left them.
    for (const [key, time] of [
      [first!, latest],
      [second!, latest + 1],
    ] as const) {
      const stored = (await made.raw.get(`manifest/${key}`)) as string;
      const json = stored.slice(64).replace(/"createdAt":\d+/, `"createdAt":${time}`);
      const hash = await sha256Hex(new TextEncoder().encode(json));
      await made.raw.set(`manifest/${key}`, hash + json);
    }
    await made.reopen();
    expect((await made.store.open()).lost).toEqual([]);
    await made.save({ step: 30 });
    await expectOrder(made, [30, 20, 10]);
    expect((await made.store.open()).lost).toEqual([]);
    const other = new TestStore();
    expect((await other.store.importAll(await exported(), "runs.zip")).imported).toHaveLength(3);
    await expectOrder(other, [30, 20, 10]);
  });

  test.each([
    ["before 1970", -5],
    ["past all dates", 8.64e15],
  ])("saves under a clock %s stay within the range and come back", async (_, now) => {
    vi.spyOn(Date, "now").mockReturnValue(now);
    const store = new TestStore();
    await store.save({ step: 10 }, { step: 20 });
    await store.store.saveDataFile(identity, new Blob([content]));
    await expectOrder(store, [20, 10]);
    const file = await new Response((await store.store.exportAll()).stream).blob();
    vi.restoreAllMocks();
    const other = new TestStore();
    expect((await other.store.importAll(file, "runs.zip")).imported).toHaveLength(2);
    await expectOrder(other, [20, 10]);
  });
});

describe("long work on all runs", () => {
  test("export and import report a figure that rises to the whole", async () => {
    await made.save({ step: 10 }, { step: 20 });
    const shares: number[] = [];
    const progress = (done: number, total: number) => shares.push(done / total);
    const backup = await made.store.exportAll({ progress });
    const file = await new Response(backup.stream).blob();
    await new TestStore().store.importAll(file, "runs.zip", { progress });
    const [exporting, importing] = [
      shares.slice(0, shares.indexOf(1) + 1),
      shares.slice(shares.indexOf(1) + 1),
    ];
    for (const figures of [exporting, importing]) {
      expect(figures.length).toBeGreaterThan(4);
      expect(figures).toEqual(figures.toSorted((a, b) => a - b));
      expect(figures.at(-1)).toBe(1);
    }
  });

  test.each([0, 3, 7])("an export cancelled at figure %i ends with nothing", async (at) => {
    await made.save({ step: 10 }, { step: 20 });
    const abort = new AbortController();
    let figures = 0;
    const progress = () => {
      if (figures++ === at) {
        abort.abort();
      }
    };
    const exporting = made.store
      .exportAll({ progress, signal: abort.signal })
      .then(({ stream }) => new Response(stream).blob());
    await expect(exporting).rejects.toMatchObject({ name: "AbortError" });
  });

  test("what a cancelled import has stored is whole, and a second import brings the rest", async () => {
    await made.save(...Array.from({ length: 130 }, (_, i) => ({ runId: `run-${i}`, step: 1 })));
    const file = await exported();
    const abort = new AbortController();
    const other = new TestStore();
    const progress = (done: number, total: number) => {
      if (done > 0.9 * total) {
        abort.abort();
      }
    };
    await expect(
      other.store.importAll(file, "runs.zip", { progress, signal: abort.signal }),
    ).rejects.toMatchObject({ name: "AbortError" });
    const { checkpoints, damage, lost } = await other.store.open();
    expect(checkpoints.length).toBeGreaterThan(90);
    expect(checkpoints.length).toBeLessThan(120);
    expect([damage, lost]).toEqual([[], []]);
    expect((await other.store.verify("all")).every(({ state }) => state === "sound")).toBe(true);
    const { imported, alreadyHere } = await other.store.importAll(file, "runs.zip");
    expect(imported.length + alreadyHere).toBe(130);
    expect(alreadyHere).toBe(checkpoints.length);
    expect((await other.store.open()).lost).toEqual([]);
  }, 60_000);
});

test("an import stops when its signal aborts", async () => {
  await made.save({ step: 10 });
  const file = await exported();
  await expect(
    new TestStore().store.importAll(file, "runs.zip", { signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ name: "AbortError" });
});
