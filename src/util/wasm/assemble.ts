// Assembles small WebAssembly modules: one memory, functions of numbers, 128-bit vectors. Sources:
// WebAssembly Core Specification 2.0, chapter 5 (binary format) and its SIMD opcodes.

/** Bytes of instructions, in the order of a stack machine: operands first. */
export type Code = readonly number[];

/** A function without result; its numbers are of type i32. */
export interface WasmFunction {
  name: string;
  parameters: number;
  /** More locals, after the parameters: first numbers, then vectors. */
  integers: number;
  vectors: number;
  body: Code;
}

const i32 = 0x7f;
const v128 = 0x7b;

/** The module; it exports its functions and its `memory`. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    ...[0x60, ...vector(Array<number[]>(parameters).fill([i32])), 0x00],
  ]);
  const exports = functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ integers, vectors, body }) => {
    const locals = vector([
      [...unsigned(integers), i32],
      [...unsigned(vectors), v128],
    ]);
    return sized([...locals, ...body, 0x0b]);
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0x00, 0x01]])), // a memory of a page at least
    ...section(7, vector([...exports, [...text("memory"), 0x02, 0x00]])),
    ...section(10, vector(bodies)),
  ]);
}

const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
/** Vectors lie anywhere: no alignment is promised. */
const access =
  (opcode: number) =>
  (offsetBytes: number): Code => [...[0xfd, ...unsigned(opcode), 0x00], ...unsigned(offsetBytes)];

/** One after the other. */
export function code(...parts: readonly Code[]): Code {
  return parts.flat();
}

export const wasm = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number): Code => [0x21, ...unsigned(local)],
  tee: (local: number): Code => [0x22, ...unsigned(local)],
  number: (value: number): Code => [0x41, ...signed(value)],
  add: [0x6a] as Code,
  /** Unsigned. */
  isLess: [0x49] as Code,
  /** Repeats the code while the condition behind it holds; at least once. */
  repeat: (code: Code, condition: Code): Code => [
    ...[0x03, 0x40, ...code, ...condition],
    ...[0x0d, 0x00, 0x0b],
  ],
  load: access(0),
  loadSplat: access(9),
  store: access(11),
  /** The same 32 bits in all four lanes. */
  splat: (bits: number): Code => {
    const lane = [bits, bits >>> 8, bits >>> 16, bits >>> 24].map((byte) => byte & 0xff);
    return [0xfd, 0x0c, ...lane, ...lane, ...lane, ...lane];
  },
  lessThan: simd(57),
  greaterThan: simd(59),
  and: simd(78),
  or: simd(80),
  /** Bits of the first where the third has ones, else of the second. */
  select: simd(82),
  /** Two vectors of 4 as one of 8 unsigned halves of the width. */
  narrow: simd(134),
  widenLow: simd(169),
  widenHigh: simd(170),
  shiftLeft: simd(171),
  shiftRight: simd(173), // unsigned
  addIntegers: simd(174),
  subtractIntegers: simd(177),
  largerInteger: simd(184), // signed
  addFloats: simd(228),
  multiplyFloats: simd(230),
  floatOfInteger: simd(250), // signed
} as const;

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

function sized(content: Code): Code {
  return [...unsigned(content.length), ...content];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): Code {
  return sized([...new TextEncoder().encode(name)]);
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  const byte = value & 0x7f;
  const rest = value >> 7;
  const isLast = (rest === 0 && byte < 0x40) || (rest === -1 && byte >= 0x40);
  return isLast ? [byte] : [byte | 0x80, ...signed(rest)];
}
