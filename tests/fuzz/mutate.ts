// Mutates inputs: bits, numbers, slices and tokens; also mutations that know JSON and the length
// before a header.
import type { Draws } from "./draws.ts";
import { bytesOf, pack, textOf, unpack, type Bytes } from "./family.ts";

/**
 * The longest input. Longer ones find nothing more, except those made deep or long on purpose.
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

/** Applies one to four mutations, mostly one. */
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
 * Mutates a JSON header and corrects the eight-byte length before it, so that the data after it is
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

/** Mutates one of the parts that `pack` joined. */
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

/** Replaces an integer of two, four or eight bytes, little-endian. */
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

/** Replaces a JSON scalar. */
function replaceValue(input: Bytes, draws: Draws, words: readonly string[]): Bytes {
  const found = valueNear(input, draws);
  if (found === null) {
    return setByte(input, draws);
  }
  const value =
    draws.once(4) && words.length > 0 ? JSON.stringify(draws.of(words)) : draws.of(values);
  return splice(input, ...found, bytesOf(value));
}

/** Copies a JSON scalar over another. */
function moveValue(input: Bytes, draws: Draws): Bytes {
  const [from, to] = [valueNear(input, draws), valueNear(input, draws)];
  return from === null || to === null
    ? flipBit(input, draws)
    : splice(input, ...to, input.slice(...from));
}

/** Inserts deep nesting or long repetition, against the stack and the time limit. */
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

/** Finds a JSON number, literal or string after a random offset. */
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

/** Formats an input for the message of a finding. */
export function shownInput(input: Bytes): string {
  return JSON.stringify(textOf(input.slice(0, 200)));
}
