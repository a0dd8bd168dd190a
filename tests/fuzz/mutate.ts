// Ways to break an input: bits, numbers, pieces, words; and those that know JSON and the length in
// front of a header.
import type { Draws } from "./draws.ts";
import { bytesOf, pack, textOf, unpack, type Bytes } from "./family.ts";

/**
 * Longer ones say nothing that shorter ones do not, but for the few that are made to be deep or
 * long.
 */
const maxLength = 1 << 13;

const bigNumbers = [
  0n,
  1n,
  2n ** 7n,
  2n ** 8n,
  2n ** 15n,
  2n ** 16n - 1n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

const values = [
  ...["0", "1", "-1", "-0", "1.5", "1e3", "1e309", "255", "256", "65536", "1000000", "2147483648"],
  ...["4294967295", "9007199254740991", "9007199254740993", "18446744073709551615", "1e-300"],
  ...["true", "false", "null", "{}", "[]", "[[]]", '""', '"a"', '"__proto__"', "NaN", "[0,0]"],
];

type Mutation = (input: Bytes, draws: Draws, words: readonly string[]) => Bytes;

const anywhere: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  (input, draws) => input.slice(0, draws.below(input.length + 1)),
  removePiece,
  repeatPiece,
  insertWord,
  insertWord,
  replaceValue,
  replaceValue,
  moveValue,
];

/** One to four mutations, mostly one. */
export function mutateBytes(input: Bytes, draws: Draws, words: readonly string[]): Bytes {
  let broken = input;
  do {
    broken = draws.of(anywhere)(broken, draws, words);
  } while (draws.once(3));
  if (draws.once(2000)) {
    return deepen(broken, draws);
  }
  return broken.length > maxLength ? broken.slice(0, maxLength) : broken;
}

/**
 * A length of eight bytes in front of a JSON header, kept right, so that what lies behind is
 * reached.
 */
export function mutateSafetensors(input: Bytes, draws: Draws, words: readonly string[]): Bytes {
  const length = input.length < 8 ? 0n : new DataView(input.buffer).getBigUint64(0, true);
  const headerEnd = 8 + Number(length);
  if (length === 0n || headerEnd > input.length) {
    return mutateBytes(input, draws, words);
  }
  const header = mutateBytes(input.slice(8, headerEnd), draws, words);
  const broken = splice(input, 8, headerEnd, header);
  new DataView(broken.buffer).setBigUint64(0, BigInt(header.length), true);
  return broken;
}

/** Breaks one of the parts that `pack` put together. */
export function mutateParts(...ofPart: readonly Mutation[]): Mutation {
  return (input, draws, words) => {
    const parts = unpack(input, ofPart.length);
    const index = draws.below(parts.length);
    parts[index] = ofPart[index]!(parts[index]!, draws, words);
    return pack(parts);
  };
}

function flipBit(input: Bytes, draws: Draws): Bytes {
  const broken = input.slice();
  const at = draws.below(input.length);
  broken[at] = (broken[at] ?? 0) ^ (1 << draws.below(8));
  return broken;
}

function setByte(input: Bytes, draws: Draws): Bytes {
  const broken = input.slice();
  broken[draws.below(input.length)] = draws.of([0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x20]);
  return broken;
}

/** Two, four or eight bytes, little-endian. */
function setNumber(input: Bytes, draws: Draws): Bytes {
  const size = draws.of([2, 4, 8]);
  const broken = input.slice();
  if (broken.length >= size) {
    const number = draws.of(bigNumbers);
    const at = draws.below(broken.length - size + 1);
    for (let i = 0; i < size; i++) {
      broken[at + i] = Number((number >> BigInt(8 * i)) & 0xffn);
    }
  }
  return broken;
}

function removePiece(input: Bytes, draws: Draws): Bytes {
  const [begin, end] = piece(input, draws);
  return splice(input, begin, end, new Uint8Array(0));
}

function repeatPiece(input: Bytes, draws: Draws): Bytes {
  const [begin, end] = piece(input, draws);
  return splice(input, end, end, input.slice(begin, end));
}

function insertWord(input: Bytes, draws: Draws, words: readonly string[]): Bytes {
  const at = draws.below(input.length + 1);
  return splice(input, at, at, bytesOf(draws.of([...words, ...values])));
}

/** One JSON scalar in place of another. */
function replaceValue(input: Bytes, draws: Draws, words: readonly string[]): Bytes {
  const found = valueNear(input, draws);
  if (found === null) {
    return setByte(input, draws);
  }
  const value =
    draws.once(4) && words.length > 0 ? JSON.stringify(draws.of(words)) : draws.of(values);
  return splice(input, ...found, bytesOf(value));
}

/** A JSON scalar to the place of another. */
function moveValue(input: Bytes, draws: Draws): Bytes {
  const [from, to] = [valueNear(input, draws), valueNear(input, draws)];
  return from === null || to === null
    ? flipBit(input, draws)
    : splice(input, ...to, input.slice(...from));
}

/** Nested so deep, or so long, that it takes the stack or the time of whoever is not careful. */
function deepen(input: Bytes, draws: Draws): Bytes {
  const times = 20_000;
  const [open, close] = draws.of([
    ["[", "]"],
    ['{"a":', "}"],
    ["(", ")"],
    ["{%if a%}", ""],
    ["a", ""],
    [" ", ""],
    ["\n", ""],
    ['\\"', ""],
    ["9", ""],
  ]);
  const deep = bytesOf(open.repeat(times) + (close === "" ? "" : `1${close.repeat(times)}`));
  const found = valueNear(input, draws) ?? piece(input, draws);
  return splice(input, ...found, deep);
}

/** Where a number, a literal or a string of JSON lies, searched from a drawn place on. */
function valueNear(input: Bytes, draws: Draws): [begin: number, end: number] | null {
  const start = draws.below(input.length);
  const text = latin.decode(input.subarray(start, start + 256));
  const match = /[:[,]\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)/.exec(text);
  if (match?.[1] === undefined) {
    return null;
  }
  const end = start + match.index + match[0].length;
  return [end - match[1].length, end];
}

const latin = new TextDecoder("latin1");

function piece(input: Bytes, draws: Draws): [begin: number, end: number] {
  const begin = draws.below(input.length + 1);
  return [begin, Math.min(input.length, begin + 1 + draws.below(draws.of([2, 8, 64, 512])))];
}

function splice(input: Bytes, begin: number, end: number, put: Bytes): Bytes {
  const joined = new Uint8Array(input.length - (end - begin) + put.length);
  joined.set(input.subarray(0, begin));
  joined.set(put, begin);
  joined.set(input.subarray(end), begin + put.length);
  return joined;
}

/** For the messages of findings. */
export function shownInput(input: Bytes): string {
  return JSON.stringify(textOf(input.slice(0, 200)));
}
