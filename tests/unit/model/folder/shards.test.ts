// Weights in several files: the index is the truth where there is one, and every way in which files
// and index disagree.
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { parseShardIndex } from "../../../../src/model/folder/shard-index.ts";
import { openShards } from "../../../../src/model/folder/shards.ts";
import type { FileSet } from "../../../../src/sources/files.ts";
import { tensorFile } from "../tiny-model.ts";

const tensor = (name: string, value = 1): TensorData => ({
  name,
  dtype: "F32",
  shape: [4],
  data: new Float32Array(4).fill(value),
});
const folder = (files: Record<string, Blob | string>): FileSet => ({
  source: "files",
  name: "m",
  files: new Map(
    Object.entries(files).map(([name, content]) => [name, blobSource(new Blob([content]), name)]),
  ),
});
const indexName = "model.safetensors.index.json";
const [one, two] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = (weightMap: Record<string, unknown>, metadata: unknown = { total_size: 32 }) =>
  JSON.stringify({ metadata, weight_map: weightMap });
const all: (name: string) => boolean = () => true;
const never = new AbortController().signal;
const saying = (message: RegExp) => expect.stringMatching(message) as string;

async function valuesOf(set: FileSet, isNeeded = all): Promise<Record<string, number | undefined>> {
  const tensors = await openShards(set, isNeeded);
  return Object.fromEntries(
    await Promise.all(
      Array.from(tensors, async ([name, tensor]) => {
        expect(tensor.sizeBytes).toBe(16);
        return [name, new Float32Array((await tensor.read(4, 8, never)).buffer)[0]] as const;
      }),
    ),
  );
}

describe("an index", () => {
  const files = {
    [one]: tensorFile([tensor("a", 1), tensor("b", 2)]),
    [two]: tensorFile([tensor("c", 3)]),
  };

  test("an index maps tensors to files", async () => {
    const set = folder({ ...files, [indexName]: index({ a: one, b: one, c: two }) });
    expect(await valuesOf(set)).toEqual({ a: 1, b: 2, c: 3 });
  });

  test("an index decides which tensors are read: other files and tensors are ignored", async () => {
    const set = folder({
      ...files,
      "consolidated.safetensors": tensorFile([tensor("a", 7), tensor("d", 7)]),
      "broken.safetensors": "not safetensors",
      [indexName]: index({ a: one, c: two }),
    });
    expect(await valuesOf(set)).toEqual({ a: 1, c: 3 });
  });

  test("an index may name missing files and tensors that are not needed", async () => {
    const set = folder({
      [one]: files[one]!,
      [indexName]: index({ a: one, vision: one, c: two, "lm_head.weight": two }),
    });
    expect(await valuesOf(set, (name) => name === "a")).toEqual({ a: 1 });
  });

  test("an index may contain a wrong size and unknown keys", async () => {
    const sizes = { total_size: 1.3476839e10, total_parameters: -1, ü: [null, true, "x"] };
    const set = folder({ ...files, [indexName]: index({ a: one }, sizes) });
    expect(await valuesOf(set)).toEqual({ a: 1 });
  });

  test("an index of a model in one file, as from mlx-lm, is read", async () => {
    const set = folder({
      "model.safetensors": tensorFile([tensor("a", 5)]),
      [indexName]: index({ a: "model.safetensors" }),
    });
    expect(await valuesOf(set)).toEqual({ a: 5 });
  });

  test("an index is ignored next to a model in one file", async () => {
    const set = folder({
      "model.safetensors": tensorFile([tensor("a", 5)]),
      "model.fp16.safetensors": tensorFile([tensor("a", 6)]),
      [indexName]: index({ a: one }),
    });
    expect(await valuesOf(set)).toEqual({ a: 5 });
  });

  test("an index needs only the headers of its files", async () => {
    const set = folder({ ...files, [indexName]: index({ a: one, b: one, c: two }) });
    let readBytes = 0;
    const counted = (source: ByteSource): ByteSource => ({
      ...source,
      read: (begin, end, signal) => {
        readBytes += end - begin;
        return source.read(begin, end, signal);
      },
    });
    const large = tensorFile([{ ...tensor("a"), shape: [1e6], data: new Float32Array(1e6) }]);
    const entries = [...set.files, [one, blobSource(large, one)] as const];
    const watched = new Map(entries.map(([name, source]) => [name, counted(source)]));
    await openShards({ ...set, files: watched }, (name) => name === "a" || name === "c");
    expect(readBytes).toBeGreaterThan(100);
    expect(readBytes).toBeLessThan(2000);
  });
});

describe("refused indexes", () => {
  const refusal = (text: string) => {
    let refused: unknown = null;
    try {
      parseShardIndex(text);
    } catch (error) {
      refused = error;
    }
    return expect(refused);
  };

  test.each([
    ["that is no JSON", "{", /the end of the text instead of a key/],
    ["that is empty", "", /the end of the text instead of a value/],
    ["that is a list", "[]", /not a JSON object/],
    ["that is a web page", "<!doctype html>", /"<" instead of a value/],
    [
      "that continues after its end",
      '{"weight_map":{"a":"b.safetensors"}} x',
      /instead of the end/,
    ],
    ["without weight_map", '{"metadata":{}}', /weight_map is not an object/],
    ["with a list for weight_map", '{"weight_map":["a"]}', /weight_map is not an object/],
    ["with null for weight_map", '{"weight_map":null}', /weight_map is not an object/],
    ["that names no tensor", '{"weight_map":{}}', /names 0 tensors/],
    ["with a number for a file", index({ a: 3 }), /file of tensor "a" is not a string/],
    ["with null for a file", index({ a: null }), /file of tensor "a" is not a string/],
    ["that leads out of the folder", index({ a: "../x.safetensors" }), /"a" is in "\.\.\/x/],
    ["with a path", index({ a: "sub/x.safetensors" }), /not the name of a \.safetensors file/],
    ["with a Windows path", index({ a: "c:\\x.safetensors" }), /not the name/],
    ["with an address", index({ a: "https://evil.test/x.safetensors" }), /not the name/],
    ["with a hidden file", index({ a: ".safetensors" }), /not the name/],
    ["with a control character", index({ a: "x\u0000.safetensors" }), /not the name/],
    ["with another kind of file", index({ a: "pytorch_model.bin" }), /not the name/],
    ["with an endless file name", index({ a: `${"x".repeat(300)}.safetensors` }), /not the name/],
    ["with an endless tensor name", index({ ["a".repeat(2000)]: one }), /2000 characters/],
    [
      "that names a tensor twice",
      `{"weight_map":{"a":"${one}","a":"${two}"}}`,
      /the key "a" a second time/,
    ],
    ["that nests without end", `{"weight_map":${"[".repeat(100_000)}`, /nesting deeper/],
    ["with a number that is none", '{"metadata":{"total_size":01},"weight_map":{}}', /"0"/],
  ])("an index is refused %s", (_, text, message) => {
    refusal(text).toMatchObject({ code: "bad-header", where: indexName, message: saying(message) });
  });

  test("an index with more tensors than any model has is refused", () => {
    const many = Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`t${i}`, one]));
    refusal(index(many)).toMatchObject({
      message: saying(/names 100001 tensors; the limit is 1 to 100000/),
    });
  });

  test("an index of more bytes than any model has is refused before it is read", async () => {
    const endless = { name: indexName, sizeBytes: 1e12, read: () => Promise.reject(new Error()) };
    const set = folder({ [one]: tensorFile([tensor("a")]) });
    const files = new Map([...set.files, [indexName, endless]]);
    await expect(openShards({ ...set, files }, all)).rejects.toMatchObject({
      code: "bad-header",
      where: indexName,
      message: saying(/1000000000000 bytes; the limit is 32000000/),
    });
  });
});

describe("files that contradict the index", () => {
  const refused = (files: Record<string, Blob | string>) =>
    expect(openShards(folder(files), all)).rejects;

  test("missing files of an index are refused with all their names", async () => {
    const files = { [one]: tensorFile([tensor("a")]), [indexName]: index({ a: one, b: two }) };
    await refused(files).toMatchObject({
      code: "missing-file",
      where: two,
      message: saying(/names 2 weights files; 1 are missing: model-00002-of-00002/),
    });
  });

  test("a tensor that no file of the index contains is refused", async () => {
    const files = { [one]: tensorFile([tensor("a")]), [indexName]: index({ a: one, b: one }) };
    await refused(files).toMatchObject({
      code: "missing-tensor",
      where: "b",
      message: saying(/says that it is in model-00001-of-00002.*no file that it names has it/),
    });
  });

  test("a tensor in another file than the index names is refused", async () => {
    const files = {
      [one]: tensorFile([tensor("a")]),
      [two]: tensorFile([tensor("b"), tensor("c")]),
      [indexName]: index({ a: one, b: two, c: one }),
    };
    await refused(files).toMatchObject({
      code: "missing-tensor",
      where: "c",
      message: saying(/is in model-00001-of-00002.safetensors; it is in model-00002-of-00002/),
    });
  });

  test("a tensor in two files is refused, with an index and without", async () => {
    const files = {
      [one]: tensorFile([tensor("a"), tensor("b")]),
      [two]: tensorFile([tensor("b"), tensor("c")]),
    };
    const expected = {
      code: "bad-header",
      where: `${two}, tensor "b"`,
      message: saying(/also in model-00001-of-00002.safetensors, tensor "b"/),
    };
    const names = index({ a: one, b: one, c: two });
    await refused({ ...files, [indexName]: names }).toMatchObject(expected);
    await refused(files).toMatchObject(expected);
    expect(await valuesOf(folder(files), (name) => name === "a" || name === "c")).toEqual({
      a: 1,
      c: 1,
    });
  });

  test("a file of the index that is truncated or not safetensors is refused", async () => {
    const whole = new Uint8Array(await tensorFile([tensor("a")]).arrayBuffer());
    const cases = [
      ["not-safetensors", "version https://git-lfs.github.com/spec/v1\n"],
      ["bad-header", new Blob([whole.subarray(0, -1)])],
    ] as const;
    for (const [code, content] of cases) {
      const files = { [one]: content, [indexName]: index({ a: one }) };
      await refused(files).toMatchObject({ code, where: one });
    }
  });
});

test("an aborted look-up ends with its signal", async () => {
  const abort = new AbortController();
  abort.abort();
  const set = folder({ [one]: tensorFile([tensor("a")]) });
  await expect(openShards(set, all, abort.signal)).rejects.toMatchObject({ name: "AbortError" });
});
