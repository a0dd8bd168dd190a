// Reading archives: where each file lies, also beyond 4 GB, and no way out of the archive.
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../src/formats/byte-source.ts";
import { readZip } from "../../../src/formats/zip-read.ts";
import { zipFiles, zipStream } from "../../../src/formats/zip.ts";
import { UserError } from "../../../src/util/errors.ts";

const files = [
  { name: "a/hello.txt", bytes: new TextEncoder().encode("hello") },
  { name: "é.bin", bytes: Uint8Array.of(0, 1, 2) },
  { name: "empty", bytes: new Uint8Array(0) },
];

const sourceOf = (bytes: Uint8Array<ArrayBuffer>) => blobSource(new Blob([bytes]), "runs.zip");

async function archive(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await zipFiles(files)).arrayBuffer());
}

/** What refuses the archive, or one file of it. */
async function faultOf(source: ByteSource): Promise<UserError> {
  const error: unknown = await readZip(source).then(
    ({ broken }) => [...broken.values()][0] ?? new Error("nothing was thrown"),
    (reason: unknown) => reason,
  );
  if (error instanceof UserError) {
    return error;
  }
  throw error;
}

test("readZip finds every file of an archive that Anneal wrote", async () => {
  const bytes = await archive();
  const members = [...(await readZip(sourceOf(bytes))).members.values()];
  expect(members.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
  for (const [i, { begin, sizeBytes }] of members.entries()) {
    expect(bytes.slice(begin, begin + sizeBytes)).toEqual(files[i]!.bytes);
  }
});

test("a streamed ZIP archive has the same files and a length known before writing", async () => {
  const { stream, sizeBytes } = zipStream(
    files.map(({ name, bytes }) => ({
      name,
      sizeBytes: bytes.length,
      // In pieces, as checkpoints are stored.
      open: async function* () {
        for (const byte of bytes) {
          yield await Promise.resolve(Uint8Array.of(byte));
        }
      },
    })),
  );
  const streamed = new Uint8Array(await new Response(stream).arrayBuffer());
  expect(streamed).toHaveLength(sizeBytes);
  expect([...(await readZip(sourceOf(streamed))).members.keys()]).toEqual(
    files.map(({ name }) => name),
  );
});

test("readZip accepts a comment after the archive", async () => {
  const bytes = await archive();
  new DataView(bytes.buffer).setUint16(bytes.length - 2, 5, true);
  const commented = new Uint8Array([...bytes, ...new TextEncoder().encode("hello")]);
  expect((await readZip(sourceOf(commented))).members.size).toBe(3);
});

describe("an archive beyond 4 GB", () => {
  const hugeBytes = 5e9;

  /** A file of 5 GB, of which only the ends are there. */
  function hugeArchive(): ByteSource {
    const { sizeBytes } = zipStream([{ name: "huge", sizeBytes: hugeBytes, open: () => parts() }]);
    const head = new Uint8Array([
      ...[0x50, 0x4b, 3, 4, 45, 0, 8, 8, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...[4, 0, 0, 0, 0x68, 0x75, 0x67, 0x65],
    ]);
    const tail = tailOf();
    return {
      name: "huge.zip",
      sizeBytes,
      read: (begin, end) => {
        const bytes = new Uint8Array(end - begin);
        for (const [part, start] of [
          [head, 0],
          [tail, sizeBytes - tail.length],
        ] as const) {
          const from = Math.max(begin, start);
          const to = Math.min(end, start + part.length);
          if (from < to) {
            bytes.set(part.subarray(from - start, to - start), from - begin);
          }
        }
        return Promise.resolve(bytes);
      },
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a stream is asked for
  async function* parts(): AsyncGenerator<Uint8Array, void, undefined> {
    yield new Uint8Array(0);
  }

  /** Directory entry, zip64 record, locator and end record, by the letter of the specification. */
  function tailOf(): Uint8Array<ArrayBuffer> {
    const directoryBegin = 34 + hugeBytes + 24;
    const entryBytes = 46 + 4 + 28;
    const view = new DataView(new ArrayBuffer(entryBytes + 56 + 20 + 22));
    const large = 0xffffffff;
    view.setUint32(0, 0x02014b50, true);
    view.setUint32(20, large, true);
    view.setUint32(24, large, true);
    view.setUint16(28, 4, true);
    view.setUint16(30, 28, true);
    new Uint8Array(view.buffer).set(new TextEncoder().encode("huge"), 46);
    view.setUint16(50, 1, true);
    view.setUint16(52, 24, true);
    view.setBigUint64(54, BigInt(hugeBytes), true);
    view.setBigUint64(62, BigInt(hugeBytes), true);
    let at = entryBytes;
    view.setUint32(at, 0x06064b50, true);
    view.setBigUint64(at + 32, 1n, true);
    view.setBigUint64(at + 40, BigInt(entryBytes), true);
    view.setBigUint64(at + 48, BigInt(directoryBegin), true);
    at += 56;
    view.setUint32(at, 0x07064b50, true);
    view.setBigUint64(at + 8, BigInt(directoryBegin + entryBytes), true);
    at += 20;
    view.setUint32(at, 0x06054b50, true);
    view.setUint16(at + 10, 1, true);
    view.setUint32(at + 12, large, true);
    view.setUint32(at + 16, large, true);
    return new Uint8Array(view.buffer);
  }

  test("an archive beyond 4 GB is read by its zip64 records and has the predicted length", async () => {
    expect([...(await readZip(hugeArchive())).members.values()]).toEqual([
      { name: "huge", begin: 34, sizeBytes: hugeBytes },
    ]);
  });
});

describe("archives of many files", () => {
  /** Of the tests: an archive takes 10 s, and several times that on a busy machine. */
  const longMs = 240_000;
  const oneByte = (i: number) => ({
    name: `runs/${i}`,
    sizeBytes: 1,
    // eslint-disable-next-line @typescript-eslint/require-await -- a stream is asked for
    open: async function* () {
      yield Uint8Array.of(i);
    },
  });

  test.each([65_535, 65_536])(
    "an archive of %i files comes back",
    async (count) => {
      const { stream, sizeBytes } = zipStream(Array.from({ length: count }, (_, i) => oneByte(i)));
      const blob = await new Response(stream).blob();
      expect(blob.size).toBe(sizeBytes);
      const { members, broken } = await readZip(blobSource(blob, "runs.zip"));
      expect([members.size, broken.size]).toEqual([count, 0]);
      for (const i of [0, 1, 40_000, count - 1]) {
        const { begin } = members.get(`runs/${i}`)!;
        const [byte] = new Uint8Array(await blob.slice(begin, begin + 1).arrayBuffer());
        expect(byte).toBe(i % 256);
      }
    },
    longMs,
  );

  test(
    "an archive of 65,536 files without zip64 records, as earlier versions wrote it, is read",
    async () => {
      const { stream } = zipStream(Array.from({ length: 65_536 }, (_, i) => oneByte(i)));
      const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
      const former = new Uint8Array([...bytes.subarray(0, -98), ...bytes.subarray(-22)]);
      expect((await readZip(sourceOf(former))).members.size).toBe(65_536);
    },
    longMs,
  );
});

describe("one bad file of an archive", () => {
  async function altered(change: (view: DataView, directory: number) => void) {
    const bytes = await archive();
    const view = new DataView(bytes.buffer);
    change(view, view.getUint32(bytes.length - 6, true));
    const { members, broken } = await readZip(sourceOf(bytes));
    return { left: [...members.keys()], broken: [...broken] };
  }

  test.each([
    ["compressed", 10, 8],
    ["with two sizes", 20, 1],
    ["beyond its end", 44, 1],
    ["no header of the file", 42, 3],
  ])("costs that file alone: %s", async (words, offset, value) => {
    const { left, broken } = await altered((view, directory) => {
      view.setUint8(directory + offset, value);
    });
    expect(left).toEqual(["é.bin", "empty"]);
    expect(broken).toMatchObject([["a/hello.txt", { code: "bad-header" }]]);
    expect(broken[0]![1].message).toContain(words);
  });

  test("files that share their bytes are refused as a whole", async () => {
    await expect(
      altered((view, directory) => {
        // The second file is the first once more.
        view.setUint32(directory + 46 + 11 + 42, 0, true);
      }),
    ).rejects.toMatchObject({ code: "bad-header" });
  });
});

describe("refused ZIP archives", () => {
  test("readZip refuses an archive cut at any place", async () => {
    const bytes = await archive();
    for (let length = 0; length < bytes.length; length += 3) {
      expect((await faultOf(sourceOf(bytes.slice(0, length)))).code).toBe("bad-header");
    }
  });

  test.each([
    ["a compressed file", 10, 8],
    ["an encrypted file", 8, 1],
    ["a file with two sizes", 20, 1],
    ["a file beyond the end", 44, 1],
  ])("readZip refuses %s with a remedy", async (_, offset, value) => {
    const bytes = await archive();
    const directory = new DataView(bytes.buffer).getUint32(bytes.length - 6, true);
    bytes[directory + offset] = value;
    const fault = await faultOf(sourceOf(bytes));
    expect(fault).toMatchObject({ code: "bad-header", where: "runs.zip" });
    expect(fault.remedy).not.toBe("");
  });

  test("readZip refuses two files of one name", async () => {
    const zip = await zipFiles(["x1", "x2"].map((name) => ({ name, bytes: new Uint8Array(1) })));
    const bytes = new Uint8Array(await zip.arrayBuffer());
    bytes[Buffer.from(bytes).lastIndexOf("x2") + 1] = "1".charCodeAt(0);
    expect((await faultOf(sourceOf(bytes))).message).toContain("the file x1 twice");
  });

  test("readZip refuses more files than the archive's directory has", async () => {
    const bytes = await archive();
    new DataView(bytes.buffer).setUint16(bytes.length - 12, 60_000, true);
    expect((await faultOf(sourceOf(bytes))).message).toContain("entry 4 that is cut");
  });

  test("readZip refuses or reads an archive with any single byte changed", async () => {
    const bytes = await archive();
    for (let at = 0; at < bytes.length; at++) {
      for (const change of [1, 0x80, 0xff]) {
        const altered = bytes.slice();
        altered[at]! ^= change;
        await readZip(sourceOf(altered)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(UserError);
        });
      }
    }
  });
});
