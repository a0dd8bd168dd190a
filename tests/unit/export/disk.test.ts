// Large exports on the disk: written in pieces, and nothing left after a cancel, a full disk, or a
// tab that is gone.
import { describe, expect, test } from "vitest";
import { writeFiles } from "../../../src/export/disk/destination.ts";
import { removeLeftExports, storedFiles } from "../../../src/export/disk/stored.ts";
import { zipPart, type ZipPart } from "../../../src/formats/zip.ts";
import { MemoryStorage } from "../../support/storage.ts";

const pieces = [1, 2, 3].map((value) => new Uint8Array(1000).fill(value));

function part(name: string, given: readonly Uint8Array[] = pieces): ZipPart {
  return {
    name,
    sizeBytes: given.reduce((sum, { length }) => sum + length, 0),
    open: async function* () {
      for (const piece of given) {
        yield await Promise.resolve(piece);
      }
    },
  };
}

const watch = (progress: (done: number, total: number) => void = () => undefined) => {
  const controller = new AbortController();
  return { controller, watch: { signal: controller.signal, progress } };
};

describe("files of the page's storage", () => {
  test("are written piece by piece, can be read, and are gone once they are discarded", async () => {
    const storage = new MemoryStorage();
    const files = await storedFiles(storage.root);
    const seen: number[][] = [];
    await writeFiles(files, [part("a"), part("b")], watch((...bytes) => seen.push(bytes)).watch);
    expect(seen[0]).toEqual([1000, 6000]);
    expect(new Uint8Array(await (await files.blob("b")).arrayBuffer())).toEqual(
      new Uint8Array(Buffer.concat(pieces)),
    );
    expect(storage.paths()).toHaveLength(2);
    await files.discard();
    expect(storage.paths()).toEqual([]);
  });

  test("leave nothing when they are cancelled, in one file or in an archive of several", async () => {
    for (const wrap of [(parts: ZipPart[]) => parts, (parts: ZipPart[]) => [zipPart("z", parts)]]) {
      const storage = new MemoryStorage();
      const files = await storedFiles(storage.root);
      const { controller, watch: watched } = watch();
      const cancelling = {
        ...part("b"),
        open: async function* () {
          yield await Promise.resolve(pieces[0]!);
          expect(storage.usedBytes).toBeGreaterThan(0);
          controller.abort();
          yield pieces[1]!;
        },
      };
      const writing = writeFiles(files, wrap([part("a"), cancelling]), watched);
      await expect(writing).rejects.toMatchObject({ name: "AbortError" });
      expect(storage.paths()).toEqual([]);
    }
  });

  test("are refused by a full disk before their content is read, and leave nothing", async () => {
    const storage = new MemoryStorage();
    const files = await storedFiles(storage.root);
    storage.quotaBytes = 4000;
    const unread = {
      ...part("b"),
      open: () => {
        throw new Error("it was read");
      },
    };
    await expect(writeFiles(files, [part("a"), unread], watch().watch)).rejects.toMatchObject({
      code: "quota",
      message: expect.stringContaining("3.0 kB more are needed") as string,
    });
    expect(storage.paths()).toEqual([]);
  });

  test("end with the error of a part, and leave nothing", async () => {
    const storage = new MemoryStorage();
    const broken = {
      ...part("a"),
      open: async function* () {
        yield await Promise.resolve(pieces[0]!);
        throw new Error("damaged");
      },
    };
    const writing = writeFiles(await storedFiles(storage.root), [broken], watch().watch);
    await expect(writing).rejects.toThrow("damaged");
    expect(storage.paths()).toEqual([]);
  });

  test("of a tab that is gone are removed at the next visit, whatever else is stored stays", async () => {
    const storage = new MemoryStorage();
    await removeLeftExports(storage.root); // without a folder of exports
    await storage.root.getFileHandle("kept", { create: true });
    await writeFiles(await storedFiles(storage.root), [part("a")], watch().watch);
    storage.reopen();
    expect(storage.paths()).toHaveLength(2);
    await removeLeftExports(storage.root);
    expect(storage.paths()).toEqual(["kept"]);
  });
});
