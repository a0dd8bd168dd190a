// Files the reader must refuse, each with its reason: hand-made ones, then random damage to a good
// one.
import { describe, expect, test } from "vitest";
import { encodeSafetensors } from "../../../src/formats/safetensors-write.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../../../src/formats/safetensors.ts";
import { UserError, type ErrorCode } from "../../../src/util/errors.ts";
import { entry, file } from "./safetensors-bytes.ts";

const text = (content: string) => new Blob([content]);
const u8 = (offsets: string) => entry("U8", "4", offsets);
const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === "string" ? [...Buffer.from(part)] : part)),
  );

interface Case {
  readonly title: string;
  readonly blob: Blob;
  readonly code: ErrorCode;
  readonly says: string;
}

function foreign(title: string, blob: Blob, says: string): Case {
  return { title, blob, code: "not-safetensors", says };
}

function broken(title: string, blob: Blob, says: string): Case {
  return { title, blob, code: "bad-header", says };
}

/** A file with one tensor "w" whose entry is given as text. */
function oneTensor(title: string, tensor: string, dataBytes: number, says: string): Case {
  return broken(title, file(`{"w":${tensor}}`, dataBytes), says);
}

const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";

const cases: Case[] = [
  // The eight bytes in front
  foreign("an empty file", text(""), "0 bytes"),
  foreign("seven bytes", text("1234567"), "7 bytes"),
  foreign("a Git LFS pointer", text(lfsPointer), "Git LFS pointer"),
  foreign("a web page", text("<!doctype html><title>404</title>"), "web page"),
  foreign("a web page behind white space", text("\n\n  <html></html>"), "web page"),
  foreign("a web page behind a byte order mark", text("\uFEFF<html></html>"), "web page"),
  foreign("a PyTorch archive", text("PK\u0003\u0004 archive/data.pkl"), "PyTorch"),
  foreign("a GGUF file", text("GGUF\u0003\0\0\0 and so on"), "GGUF"),
  foreign("a JSON file", text('{"weight_map": {}}'), "JSON file"),
  foreign("a header of 2^63 bytes", file("{}", 0, 2n ** 63n), "9223372036854775808"),
  foreign("a header of 2^64 - 1 bytes", file("{}", 0, 2n ** 64n - 1n), "18446744073709551615"),
  foreign("a header of 2^53 + 1 bytes", file("{}", 0, 2n ** 53n + 1n), "9007199254740993"),
  foreign("a header over the limit", file("{}", 0, 100_000_001n), "limit is 100000000"),
  foreign("a header longer than the file", file("{}", 0, 3n), "3 bytes, but 2 follow"),
  foreign(
    "a file cut off in its header",
    file(`{"w":${u8("0,4")}}`, 4).slice(0, 30),
    "but 22 follow",
  ),

  // Text and JSON
  broken("a header of no bytes", file(""), "the end of the text instead of a value"),
  broken("a header of white space", file("    "), "the end of the text"),
  broken("bad UTF-8", file(bytes('{"a', [0xff], '":0}')), "not UTF-8"),
  broken("an overlong UTF-8 form", file(bytes('{"a', [0xc0, 0xaf], '":0}')), "not UTF-8"),
  broken("a UTF-8 surrogate", file(bytes('{"a', [0xed, 0xa0, 0x80], '":0}')), "not UTF-8"),
  broken("a byte order mark", file("\uFEFF{}"), "instead of a value, at character 0"),
  broken("an array", file("[]"), "not a JSON object"),
  broken("a string", file('"w"'), "not a JSON object"),
  broken("null", file("null"), "not a JSON object"),
  broken("an open object", file('{"w":'), "the end of the text"),
  broken("a trailing comma", file(`{"w":${u8("0,4")},}`, 4), "instead of a key"),
  broken("a comma in place of a colon", file('{"w",0}'), 'instead of ":"'),
  broken("text behind the object", file("{}x"), "instead of the end"),
  broken("a second object", file("{}{}"), "instead of the end"),
  broken("a key in single quotes", file("{'w':0}"), "instead of a key"),
  broken("a raw line break in a name", file('{"a\nb":0}'), '"\\n" instead of the rest of a string'),
  broken("a name that never ends", file('{"abc'), "instead of the rest of a string"),
  broken("an unknown escape", file('{"\\x41":0}'), "unknown escape"),
  broken("half a surrogate pair", file('{"\\ud800":0}'), "broken \\u escape"),
  broken("a low surrogate first", file('{"\\udc00\\ud800":0}'), "broken \\u escape"),
  broken("a short \\u escape", file('{"\\u12":0}'), "broken \\u escape"),
  broken("a thousand open brackets", file("[".repeat(1000)), "nesting deeper than 3"),
  broken("an object in an entry", file('{"w":{"dtype":{"a":{}}}}'), "nesting deeper than 3"),
  broken("three million values", file(`{"w":[${"0,".repeat(3_000_000)}0]}`), "more than 2000000"),

  // Keys
  broken(
    "a tensor listed twice",
    file(`{"w":${u8("0,4")},"w":${u8("0,4")}}`, 4),
    'key "w" a second',
  ),
  broken(
    "a tensor listed twice under an escaped name",
    file(`{"w":${u8("0,4")},"\\u0077":${u8("4,8")}}`, 8),
    'key "w" a second',
  ),
  oneTensor("a dtype given twice", entry("U8", "4", "0,4", ',"dtype":"I8"'), 4, '"dtype" a second'),
  broken("metadata given twice", file('{"__metadata__":{},"__metadata__":{}}'), "a second time"),
  broken("a metadata key given twice", file('{"__metadata__":{"a":"1","a":"2"}}'), '"a" a second'),
  broken(
    "__proto__ listed twice",
    file(`{"__proto__":${u8("0,4")},"__proto__":${u8("0,4")}}`, 4),
    "second",
  ),
  oneTensor("an unknown field", entry("U8", "4", "0,4", ',"x":1'), 4, 'unknown field "x"'),
  oneTensor("a field __proto__", entry("U8", "4", "0,4", ',"__proto__":[]'), 4, "__proto__"),
  oneTensor("an entry without fields", "{}", 0, "lacks dtype, shape, data_offsets"),
  oneTensor("an entry without a shape", '{"dtype":"U8","data_offsets":[0,4]}', 4, "lacks shape"),
  oneTensor("an entry that is a list", "[0,4]", 4, "not an object"),
  oneTensor("an entry that is a number", "4", 4, "not an object"),
  broken(
    "a name of 2,000 characters",
    file(`{"${"n".repeat(2000)}":${u8("0,4")}}`, 4),
    "2000 characters",
  ),
  broken(
    "too many tensors",
    file(`{${Array.from({ length: 100_001 }, (_, i) => `"${i}":0`).join(",")}}`),
    "100001 tensors",
  ),

  // Metadata
  broken("metadata that is a list", file('{"__metadata__":[]}'), "not an object of strings"),
  broken(
    "metadata with a null",
    file('{"__metadata__":{"a":null}}'),
    'value of "a" is not a string',
  ),
  broken("metadata that is nul", file('{"__metadata__":nul}'), '"n" instead of a value'),
  broken("metadata that is nullified", file('{"__metadata__":nullx}'), '"n" instead of a value'),
  oneTensor("an entry that is null", "null", 0, "not an object"),
  oneTensor("a shape that is null", '{"dtype":"U8","shape":null,"data_offsets":[0,4]}', 4, "shape"),
  oneTensor("a dimension that is null", entry("U8", "null", "0,4"), 4, "list of whole numbers"),
  broken("metadata that is a string", file('{"__metadata__":"pt"}'), "not an object of strings"),
  broken(
    "metadata with a number",
    file('{"__metadata__":{"step":1}}'),
    'value of "step" is not a string',
  ),
  broken(
    "metadata with an object",
    file('{"__metadata__":{"a":{}}}'),
    'value of "a" is not a string',
  ),

  // Numbers
  oneTensor("a dimension of 1e3", entry("U8", "1e3", "0,1000"), 1000, '"1e"'),
  oneTensor("a dimension of 4.0", entry("U8", "4.0", "0,4"), 4, '"4."'),
  oneTensor("a dimension of -0", entry("U8", "-0", "0,0"), 0, '"-"'),
  oneTensor("a dimension of -4", entry("U8", "-4", "0,4"), 4, '"-"'),
  oneTensor("a dimension of +4", entry("U8", "+4", "0,4"), 4, '"+" instead of a value'),
  oneTensor("a dimension of 04", entry("U8", "04", "0,4"), 4, '"04'),
  oneTensor("a dimension of 0x4", entry("U8", "0x4", "0,4"), 4, 'instead of "]"'),
  oneTensor('a dimension of "4"', entry("U8", '"4"', "0,4"), 4, "not a list of whole numbers"),
  oneTensor("a dimension of true", entry("U8", "true", "0,4"), 4, "instead of a value"),
  oneTensor("a dimension of 2^53", entry("U8", "9007199254740992", "0,4"), 4, "below 2^53"),
  oneTensor("an offset of 2^53 + 1", entry("U8", "4", "0,9007199254740993"), 4, "below 2^53"),
  oneTensor("an offset of 2^64", entry("U8", "4", "0,18446744073709551616"), 4, "below 2^53"),
  oneTensor("a number of a million digits", entry("U8", "9".repeat(1e6), "0,4"), 4, "below 2^53"),

  // Shapes, dtypes and offsets
  oneTensor(
    "a product past 2^53",
    entry("U8", "4294967296,4294967296", "0,4"),
    4,
    "more than 2^53",
  ),
  oneTensor(
    "a product past 2^53 that a zero hides",
    entry("U8", "4294967296,4294967296,0", "0,0"),
    0,
    "2^53",
  ),
  oneTensor("bytes past 2^53", entry("F64", "4503599627370496", "0,4"), 4, "more than 2^53"),
  oneTensor("nine dimensions", entry("U8", "1,1,1,1,1,1,1,1,1", "0,1"), 1, "9 dimensions"),
  oneTensor(
    "a shape that is a number",
    '{"dtype":"U8","shape":4,"data_offsets":[0,4]}',
    4,
    "shape is not",
  ),
  oneTensor(
    "too few bytes for F32",
    entry("F32", "2,2", "0,8"),
    8,
    "F32 [2, 2] needs 16 bytes, but its data_offsets span 8",
  ),
  oneTensor("too many bytes for F16", entry("F16", "2", "0,8"), 8, "needs 4 bytes"),
  oneTensor("bytes for an empty tensor", entry("F32", "0", "0,4"), 4, "needs 0 bytes"),
  oneTensor("no bytes for a scalar", entry("F32", "", "0,0"), 0, "needs 4 bytes"),
  oneTensor("an unknown dtype", entry("F8_E4M3", "4", "0,4"), 4, '"F8_E4M3"'),
  oneTensor("a dtype in lower case", entry("f32", "1", "0,4"), 4, '"f32"'),
  oneTensor("a dtype of an object's prototype", entry("toString", "4", "0,4"), 4, '"toString"'),
  oneTensor(
    "a dtype that is a number",
    '{"dtype":8,"shape":[4],"data_offsets":[0,4]}',
    4,
    "not a string",
  ),
  oneTensor("one offset", entry("U8", "4", "4"), 4, "not two numbers"),
  oneTensor("three offsets", entry("U8", "4", "0,4,8"), 4, "not two numbers"),
  oneTensor("no offsets", entry("U8", "4", ""), 4, "not two numbers"),
  oneTensor("an end before the begin", entry("U8", "4", "4,0"), 4, "span -4"),
  oneTensor("a hole in front", entry("U8", "4", "4,8"), 8, "hole"),
  broken("a hole between tensors", file(`{"a":${u8("0,4")},"b":${u8("5,9")}}`, 9), "hole"),
  broken("an overlap by one byte", file(`{"a":${u8("0,4")},"b":${u8("3,7")}}`, 7), "overlap"),
  broken(
    "two tensors on the same bytes",
    file(`{"a":${u8("0,4")},"b":${u8("0,4")}}`, 4),
    "overlap",
  ),
  broken(
    "an empty tensor inside another",
    file(`{"a":${u8("0,4")},"b":${entry("U8", "0", "2,2")}}`, 4),
    "overlap",
  ),
  oneTensor("a trailing byte", u8("0,4"), 5, "end at byte 4, but the data continues to byte 5"),
  oneTensor("a missing byte", u8("0,4"), 3, "cut off: its tensors need 4 bytes, but it has 3"),
  broken("data without tensors", file("{}", 8), "end at byte 0, but the data continues to byte 8"),
];

describe("refused safetensors files", () => {
  test.each(cases.map((refused) => [refused.title, refused] as const))(
    "openSafetensors refuses %s",
    async (_, refused) => {
      const { blob, code, says } = refused;
      const error = await openSafetensors(blobSource(blob, "model.safetensors")).catch(
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(UserError);
      const fault = error as UserError;
      expect(fault.code).toBe(code);
      expect(fault.message).toContain(says);
      expect(fault.message).toMatch(/^model\.safetensors/);
      expect(fault.remedy).not.toBe("");
    },
  );

  test("every refused safetensors case has its own title", () => {
    expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
  });

  test("openSafetensors refuses a broken tensor and names it", async () => {
    const blob = file(`{"layers.0.weight":${entry("F32", "2", "0,4")}}`, 4);
    await expect(openSafetensors(blobSource(blob, "a.safetensors"))).rejects.toMatchObject({
      where: 'a.safetensors, tensor "layers.0.weight"',
    });
  });
});

/** Deterministic random numbers (mulberry32), so that a failure repeats. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * One to four edits: flipped bits, other bytes, cuts, repeats, JSON fragments; mostly in the
 * header.
 */
function mutate(
  good: Uint8Array,
  headerEnd: number,
  random: (below: number) => number,
): Uint8Array {
  const fragments = [
    '"',
    "{",
    "}",
    "[",
    ",",
    ":",
    "0",
    "9",
    "-",
    "e",
    "\\u00",
    '"dtype"',
    "__metadata__",
  ];
  let mutant = [...good];
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(random(4) === 0 ? mutant.length : Math.min(headerEnd, mutant.length));
    switch (random(6)) {
      case 0:
        mutant[at]! ^= 1 << random(8);
        break;
      case 1:
        mutant[at] = random(256);
        break;
      case 2:
        mutant.splice(at, 1 + random(8));
        break;
      case 3:
        mutant.splice(at, 0, ...mutant.slice(at, at + 1 + random(40)));
        break;
      case 4:
        mutant.splice(at, 0, ...Buffer.from(fragments[random(fragments.length)]!));
        break;
      default:
        mutant[at] = 0x30 + random(10);
    }
    if (mutant.length === 0) {
      mutant = [0];
    }
  }
  return Uint8Array.from(mutant);
}

/** The rules of the format, stated over again without the code under test. */
function expectLawful({ tensors }: SafetensorsFile, mutant: Uint8Array): void {
  const width: Record<string, number> = {
    F: 0,
    U8: 1,
    I8: 1,
    BOOL: 1,
    BF16: 2,
    F16: 2,
    I16: 2,
    U16: 2,
  };
  Object.assign(width, { F32: 4, I32: 4, U32: 4, F64: 8, I64: 8, U64: 8 });
  let end = 0;
  for (const [name, tensor] of tensors) {
    expect(tensor.name).toBe(name);
    expect(tensor.begin).toBe(end);
    end = tensor.end;
    const size = tensor.shape.reduce((product, d) => product * d, width[tensor.dtype]!);
    expect(tensor.end - tensor.begin).toBe(size);
  }
  const headerLength = Number(new DataView(mutant.buffer).getBigUint64(0, true));
  expect(8 + headerLength + end).toBe(mutant.length);
}

test(
  "a safetensors file with random damage is refused with a UserError or still valid",
  { timeout: 60_000 },
  async () => {
    const good = encodeSafetensors(
      [
        { name: "a.weight", dtype: "F32", shape: [2, 3], data: new Float32Array(6) },
        { name: "b.weight", dtype: "BF16", shape: [4], data: new Uint16Array(4) },
        { name: "ids", dtype: "I64", shape: [1], data: new BigInt64Array(1) },
        { name: "empty", dtype: "U8", shape: [0], data: new Uint8Array() },
      ],
      { format: "pt", step: "12" },
    );
    const headerEnd = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
    const random = randomFrom(20_260_922);
    let accepted = 0;
    for (let i = 0; i < 5000; i++) {
      const mutant = mutate(good, headerEnd, random);
      try {
        expectLawful(
          await openSafetensors(blobSource(new Blob([new Uint8Array(mutant)]), "mutant")),
          mutant,
        );
        accepted++;
      } catch (error) {
        if (!(error instanceof UserError)) {
          throw new Error(`mutant ${i}: ${Buffer.from(mutant).toString("latin1")}`, {
            cause: error,
          });
        }
      }
    }
    // Damage to data, names or metadata is lawful; both outcomes must really have been tried.
    expect(accepted).toBeGreaterThan(50);
    expect(accepted).toBeLessThan(4950);
  },
);
