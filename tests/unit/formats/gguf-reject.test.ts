// Files the reader must refuse, each with its reason: hand-made ones, then random damage to a good
// one.
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile } from "../../../src/formats/gguf/file.ts";
import { UserError, type ErrorCode } from "../../../src/util/errors.ts";
import {
  bool,
  f32Tensor,
  joined,
  list,
  number,
  str,
  string,
  strings,
  u32,
  u64,
  writeGguf,
  type Parts,
  type WrittenTensor,
} from "../../support/gguf-writer.ts";

interface Case {
  title: string;
  bytes: Uint8Array;
  code: ErrorCode;
  says: string;
}

const huge = 2n ** 64n - 1n;
const data = new Uint8Array(64);
const good: Parts = {
  metadata: [
    ["general.architecture", str("llama")],
    ["tokens", strings(["a", "b", "c"])],
    ["scores", list("f32", [1, 2, 3])],
    ["flag", bool(true)],
    ["big", number("u64", 2n ** 60n)],
  ],
  tensors: [
    f32Tensor("first", [4, 2], new Float32Array(8)),
    { name: "second", ne: [32, 2], type: 2, data: new Uint8Array(36) },
    f32Tensor("third", [5], new Float32Array(5)),
  ],
};
const goodFile = writeGguf(good);

function foreign(title: string, content: string | Uint8Array, says: string): Case {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return { title, bytes, code: "not-gguf", says };
}

function broken(title: string, parts: Parts, says: string): Case {
  return { title, bytes: writeGguf(parts), code: "bad-header", says };
}

function cut(title: string, length: number, says: string): Case {
  return { title, bytes: goodFile.subarray(0, length), code: "bad-header", says };
}

function value(title: string, bytes: Uint8Array, says: string): Case {
  return broken(title, { metadata: [["bad key", bytes]] }, says);
}

/** One tensor "w" of f32, with faults. */
function tensor(title: string, faults: Partial<WrittenTensor>, says: string): Case {
  return broken(title, { tensors: [{ name: "w", ne: [16], type: 0, data, ...faults }] }, says);
}

const arrayOf = (type: number, count: bigint) => joined([u32(9), u32(type), u64(count)]);

const cases: Case[] = [
  // What is no GGUF file at all
  foreign("an empty file", "", "not a GGUF file"),
  foreign("a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
  foreign("a web page", "<!doctype html><title>Sign in</title>", "web page"),
  foreign("a zip archive", "PK\u0003\u0004 model.gguf and so on, for long enough", "zip archive"),
  foreign("a GGML file from before GGUF", "lmggxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "not a GGUF file"),
  foreign("another magic number", writeGguf({ magic: "GGUG" }), "not a GGUF file"),
  foreign("the magic number alone", "GGUF", "GGUF file, 4 bytes"),
  foreign("23 bytes of a header", goodFile.subarray(0, 23), "GGUF file, 23 bytes"),

  // Version and counts
  broken("version 0", { version: 0 }, "big-endian"),
  broken("version 1", { version: 1 }, "version 1; versions 2 and 3 are supported"),
  broken("version 4", { version: 4 }, "version 4; versions 2 and 3 are supported"),
  broken("version 3 of a big-endian machine", { version: 0x03000000 }, "big-endian"),
  broken("2^64 - 1 tensors", { tensorCount: huge }, "18446744073709551615 tensors"),
  broken("100001 tensors", { tensorCount: 100_001n }, "the limit is 100000"),
  broken("2^63 keys", { keyCount: 2n ** 63n }, "9223372036854775808 metadata keys"),
  broken("one key more than there are", { keyCount: 1n }, "cut off"),
  broken(
    "one tensor more than there are",
    { ...good, tensorCount: 4n },
    "tensor 4: Its name is empty",
  ),

  // Keys and values
  broken("an empty key", { metadata: [["", bool(true)]] }, "key 1: It is empty"),
  broken(
    "a key that comes twice",
    {
      metadata: [
        ["k", bool(true)],
        ["k", bool(true)],
      ],
    },
    'key "k": This key appears twice',
  ),
  broken(
    "a key of 65536 bytes",
    { metadata: [["k".repeat(65_536), bool(true)]] },
    "65536 bytes of key",
  ),
  value("a value of type 13", u32(13), 'key "bad key": Its type is 13'),
  value("a value of type 2^32 - 1", u32(0xffffffff), "Its type is 4294967295"),
  value(
    "a string of 2^64 - 1 bytes",
    joined([u32(8), u64(huge)]),
    "18446744073709551615 bytes of text",
  ),
  value(
    "a string of 16 MB and a byte",
    joined([u32(8), u64(16 * 1024 ** 2 + 1)]),
    "limit is 16777216",
  ),
  value("a string that goes past the end", joined([u32(8), u64(100)]), "cut off"),
  value(
    "a string that is not UTF-8",
    joined([u32(8), string(Uint8Array.of(0xc3, 0x28))]),
    "not UTF-8",
  ),
  value(
    "a string of a lone surrogate",
    joined([u32(8), string(Uint8Array.of(0xed, 0xa0, 0x80))]),
    "not UTF-8",
  ),
  value("a boolean of 2", joined([u32(7), Uint8Array.of(2)]), "A boolean is 2"),
  value(
    "an array of booleans with a 255",
    joined([arrayOf(7, 2n), Uint8Array.of(1, 255)]),
    "A boolean is 255",
  ),
  value("an array of arrays", arrayOf(9, 1n), "array of arrays"),
  value("an array of an unknown type", arrayOf(77, 1n), "Its type is 77"),
  value("an array of 2^64 - 1 numbers", arrayOf(0, huge), "18446744073709551615 items"),
  value("an array of 2^40 numbers", arrayOf(12, 2n ** 40n), "cut off"),
  value(
    "an array of 5 million strings",
    arrayOf(8, 5_000_000n),
    "5000000 strings; the limit is 4000000",
  ),
  value(
    "an array of strings that ends early",
    joined([arrayOf(8, 3n), string("a")]),
    "item 1: The file is cut off",
  ),
  value("an array of numbers that ends early", joined([arrayOf(6, 3n), u32(0)]), "cut off"),
  broken(
    "an alignment of 0",
    { metadata: [["general.alignment", number("u32", 0)]] },
    "must be a power of two",
  ),
  broken(
    "an alignment of 48",
    { metadata: [["general.alignment", number("u32", 48)]] },
    "It is 48",
  ),
  broken(
    "an alignment of type u64",
    { metadata: [["general.alignment", number("u64", 32)]] },
    "must be u32",
  ),
  broken(
    "an alignment of 2^31",
    { ...good, metadata: [["general.alignment", number("u32", 2 ** 31)]] },
    "cut off",
  ),

  // Tensors
  tensor("a name of 128 bytes", { name: "w".repeat(128) }, "128 bytes of name; the limit is 127"),
  tensor("five dimensions", { ne: [1, 1, 1, 1, 16] }, "5 dimensions; the limit is 4"),
  tensor("a dimension of 0", { ne: [16, 0] }, 'tensor "w": One of its dimensions is 0'),
  tensor("a dimension of 2^63", { ne: [2n ** 63n] }, "9223372036854775808 values"),
  tensor("more than 2^53 bytes", { ne: [2 ** 30, 2 ** 30] }, "more than 2^53 bytes"),
  tensor("a type that ggml no longer has", { type: 4 }, "Its type is 4"),
  {
    ...tensor("a type that a later ggml may have", { type: 43 }, "Its type is 43, which is newer"),
    code: "wrong-dtype",
  },
  tensor("a type beyond all that could come next", { type: 107 }, "Its type is 107, which ggml"),
  tensor("a type of 2^32 - 1", { type: 0xffffffff }, "Its type is 4294967295"),
  tensor(
    "rows that are not a multiple of the block size",
    { type: 12, ne: [300] },
    "Q4_K comes in blocks of 256",
  ),
  tensor(
    "a first offset that is not 0",
    { offset: 32n },
    "begins at 32 instead of 0: there is a hole",
  ),
  tensor("an offset of 2^64 - 1", { offset: huge }, "begins at 18446744073709551615"),
  tensor("more rows than the file has bytes", { ne: [16, 1_000_000] }, "cut off"),
  broken(
    "two tensors of one name",
    {
      tensors: [f32Tensor("w", [1], new Float32Array(1)), f32Tensor("w", [1], new Float32Array(1))],
    },
    "this name appears twice",
  ),
  broken(
    "tensors that overlap",
    {
      tensors: [
        f32Tensor("w", [16], new Float32Array(16)),
        { name: "v", ne: [16], type: 0, data, offset: 32n },
      ],
    },
    "overlaps the one before",
  ),
  broken(
    "tensors with a hole between",
    {
      tensors: [
        f32Tensor("w", [16], new Float32Array(16)),
        { name: "v", ne: [16], type: 0, data, offset: 96n },
      ],
    },
    "there is a hole",
  ),
  broken(
    "an offset off the alignment",
    {
      tensors: [
        f32Tensor("w", [1], new Float32Array(1)),
        { name: "v", ne: [1], type: 0, data, offset: 4n },
      ],
    },
    "begins at 4 instead of 32",
  ),
  cut("a file cut off in its metadata", 60, "cut off"),
  cut("a file cut off in its tensor list", 250, "cut off"),
  cut("a file cut off in its data", goodFile.length - 32, 'tensor "third": The file is cut off'),
];

function sourceOf(bytes: Uint8Array): ByteSource {
  return blobSource(new Blob([new Uint8Array(bytes)]), "model.gguf");
}

async function faultOf(bytes: Uint8Array): Promise<unknown> {
  return await openGgufFile(sourceOf(bytes)).then(
    () => null,
    (error: unknown) => error,
  );
}

describe("refused GGUF files", () => {
  test.each(cases)("the GGUF reader refuses $title", async ({ bytes, code, says }) => {
    const fault = await faultOf(bytes);
    expect(fault).toBeInstanceOf(UserError);
    expect(fault).toMatchObject({ code });
    expect((fault as UserError).message).toContain(says);
    expect((fault as UserError).where).toContain("model.gguf");
  });

  test("the GGUF reader accepts the valid file that the refused cases are made from", async () => {
    expect(await faultOf(goodFile)).toBeNull();
  });
});

describe("a GGUF file with random damage", () => {
  /** A small generator, so that a failure can be had again. */
  function randomly(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }

  function damaged(random: (below: number) => number): Uint8Array {
    const bytes = goodFile.slice(0, random(8) === 0 ? random(goodFile.length) : undefined);
    const edges = [0, 1, 7, 9, 0x7f, 0x80, 0xff];
    for (let count = 1 + random(4); count > 0 && bytes.length > 0; count--) {
      // Most of it into the header: damage to the values of tensors says nothing.
      const at = random(Math.min(bytes.length, 420));
      bytes[at] = random(2) === 0 ? edges[random(edges.length)]! : random(256);
      if (random(6) === 0) {
        bytes.fill(0xff, at, at + 8);
      }
    }
    return bytes;
  }

  test("a damaged GGUF file has a header or a UserError, and no read past its end", async () => {
    const random = randomly(20_240_607);
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = damaged(random);
      const source = sourceOf(bytes);
      const guarded: ByteSource = {
        ...source,
        read: async (begin, end, signal) => {
          expect(begin).toBeLessThanOrEqual(end);
          expect(end).toBeLessThanOrEqual(bytes.length);
          return await source.read(begin, end, signal);
        },
      };
      try {
        const { tensors } = await openGgufFile(guarded);
        for (const { begin, sizeBytes } of tensors.values()) {
          expect(begin + sizeBytes).toBeLessThanOrEqual(bytes.length);
        }
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(UserError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2500);
  });
});
