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
  const members = [...(await readZip(blobSource(file, "runs.zip")))];
  const parts = await Promise.all(
    members.map(async ([name, { begin, sizeBytes }]) => {
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
    expect(await made.store.importAll(file, "runs.zip")).toEqual({ imported: [], alreadyHere: 2 });
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
    expect(await made.store.importAll(file, "runs.zip")).toEqual({ imported: [], alreadyHere: 0 });
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

  test("a flipped bit in an archive is refused, and never changes a checkpoint", async () => {
    await made.save({ step: 10 });
    const bytes = new Uint8Array(await (await exported()).arrayBuffer());
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 31) {
      const other = new TestStore();
      const altered = bytes.slice();
      altered[at]! ^= 1 << (at % 8);
      const outcome = await other.store.importAll(new Blob([altered]), "runs.zip").then(
        () => null,
        (error: unknown) => error,
      );
      refused += outcome === null ? 0 : 1;
      if (outcome !== null) {
        expect(outcome).toMatchObject({ name: "UserError", remedy: expect.any(String) as string });
      }
      for (const { key, step } of await other.store.listCheckpoints()) {
        expect(await other.store.loadCheckpoint(key)).toEqual(exampleRun({ step }));
      }
    }
    expect(refused).toBeGreaterThan(100);
  });

  test.each([
    ["another run", /"run-1"/, '"run-9"'],
    ["another step", /"step": 10/, '"step": 11'],
    ["a time past all dates", /"savedAt": \d+/, '"savedAt": 9007199254740991'],
    [
      "other data",
      new RegExp(`"sha256": "${identity.sha256}"\n`),
      `"sha256": "${"c".repeat(64)}"\n`,
    ],
  ])("an archive whose index names %s is refused", async (_, before, after) => {
    await made.save({ step: 10 });
    const file = await withIndex(await exported(), (json) => {
      expect(json).toMatch(before);
      return json.replace(before, after);
    });
    const other = new TestStore();
    await expect(other.store.importAll(file, "runs.zip")).rejects.toMatchObject({
      code: "bad-checkpoint",
    });
    expect(await other.steps()).toEqual([]);
  });

  test.each([
    ["a text", new Blob(["hello, this is not an archive at all"]), "bad-header"],
    ["nothing", new Blob([]), "bad-header"],
  ])("an archive that contains %s is refused", async (_, file, code) => {
    await expect(made.store.importAll(file, "runs.zip")).rejects.toMatchObject({ code });
  });
});

test("an import stops when its signal aborts", async () => {
  await made.save({ step: 10 });
  const file = await exported();
  await expect(
    new TestStore().store.importAll(file, "runs.zip", { signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ name: "AbortError" });
});
