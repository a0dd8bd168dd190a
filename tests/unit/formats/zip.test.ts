// Archives: the same files give the same bytes whenever and wherever they are packed.
import { afterEach, expect, test, vi } from "vitest";
import { zipFiles } from "../../../src/formats/zip.ts";

const files = [
  { name: "adapter/a.txt", bytes: new TextEncoder().encode("hello") },
  { name: "é.bin", bytes: Uint8Array.of(0, 1, 2) },
];

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

afterEach(() => {
  vi.useRealTimers();
});

test("zipFiles writes names and contents in order", async () => {
  const zip = await zipFiles(files);
  expect(zip.type).toBe("application/zip");
  const text = Buffer.from(await bytesOf(zip)).toString("latin1");
  expect(text.startsWith("PK\u0003\u0004")).toBe(true);
  expect(text.indexOf("adapter/a.txthello")).toBe(30);
  expect(text).toContain(Buffer.from("é.bin").toString("latin1") + "\0\u0001\u0002");
});

test("zipFiles dates every file 1 January 1980 and returns the same bytes at any time", async () => {
  const first = await bytesOf(await zipFiles(files));
  const date = new DataView(first.buffer).getUint32(10, true);
  expect(date).toBe(((1 << 5) | 1) << 16);
  vi.useFakeTimers({ now: new Date(2040, 5, 6), toFake: ["Date"] });
  expect(await bytesOf(await zipFiles(files))).toEqual(first);
});

test("zipFiles writes an empty archive for no files", async () => {
  expect((await zipFiles([])).size).toBe(22);
});

test("zipFiles rejects two files with the same name", () => {
  expect(() => zipFiles([...files, ...files])).toThrow("the same name");
});
