// Conversions of util/bytes.ts by vectors of four, with the same bits, for long arrays.
import { code, wasm, type Code, type WasmFunction } from "./assemble.ts";
import { WasmKernels } from "./instance.ts";

const { get, set, tee, number, load, store, splat, and, or, select } = wasm;
const { shiftLeft, shiftRight, lessThan, greaterThan, addIntegers, subtractIntegers } = wasm;

/** Values at a time: input and output stay in the processor's cache. */
const stretch = 0x8000;
/** Where the output begins; the input begins at 0. */
const target = stretch * 4;

// Locals of every function: the end of the input, the places in input and output, three vectors.
const [end, from, to, x, magnitude, result] = [0, 1, 2, 3, 4, 5];

/** Takes so many bytes of input and output in a turn, until the input ends. */
function loop(name: string, inBytes: number, outBytes: number, turn: Code): WasmFunction {
  const advance = (local: number, bytes: number) =>
    code(get(local), number(bytes), wasm.add, set(local));
  const all = code(turn, advance(from, inBytes), advance(to, outBytes));
  const body = code(
    ...[number(target), set(to)],
    wasm.repeat(all, code(get(from), get(end), wasm.isLess)),
  );
  return { name, parameters: 1, integers: 2, vectors: 3, body };
}

/** Eight halves of the input as f32. */
function widened(convert: Code): Code {
  const four = (widen: Code, offsetBytes: number) =>
    code(get(to), get(from), load(0), widen, set(x), convert, store(offsetBytes));
  return code(four(wasm.widenLow, 0), four(wasm.widenHigh, 16));
}

/** Eight values of the input as halves. */
function narrowed(convert: Code): Code {
  const four = (offsetBytes: number) => code(get(from), load(offsetBytes), set(x), convert);
  return code(get(to), four(0), four(16), wasm.narrow, store(0));
}

const shifted = (shift: Code, bits: number) => code(number(bits), shift);
const masked = (bits: number) => code(get(x), splat(bits), and);
const isAbove = (bits: number) => code(get(magnitude), splat(bits), greaterThan);

const f32OfF16 = code(
  ...[masked(0x7fff), tee(magnitude), shifted(shiftLeft, 13)],
  ...[splat(0x38000000), addIntegers], // the exponent is 112 more
  ...[isAbove(0x7bff), splat(0x7f800000), and, or, set(result)], // infinity and NaN
  // A subnormal is a count of 2^-24.
  ...[get(magnitude), wasm.floatOfInteger, splat(0x33800000), wasm.multiplyFloats],
  ...[get(result), get(magnitude), splat(0x400), lessThan, select],
  ...[masked(0x8000), shifted(shiftLeft, 16), or],
);

const f16OfF32 = code(
  // To nearest, ties to even: the bits that are dropped are added to first.
  ...[masked(0x7fffffff), tee(magnitude)],
  ...[get(magnitude), shifted(shiftRight, 13), splat(1), and, addIntegers],
  ...[splat(0x38000000 - 0xfff), subtractIntegers, shifted(shiftRight, 13)],
  // Below 2^-14 the last bit of a sum with 0.5 counts 2^-24.
  ...[get(magnitude), splat(0x3f000000), wasm.addFloats, splat(0x3f000000), subtractIntegers],
  ...[isAbove(0x387fffff), select, set(result)],
  ...[splat(0x7c00), get(result), isAbove(0x477fefff), select, set(result)],
  // NaN, as a quiet one.
  ...[get(magnitude), shifted(shiftRight, 13), splat(0x3ff), and, splat(0x7e00), or],
  ...[get(result), isAbove(0x7f800000), select],
  ...[get(x), shifted(shiftRight, 16), splat(0x8000), and, or],
);

const bf16OfF32 = code(
  ...[masked(0x7fffffff), set(magnitude)],
  ...[get(x), shifted(shiftRight, 16), splat(0x40), or],
  ...[get(x), shifted(shiftRight, 16), splat(1), and, splat(0x7fff), addIntegers],
  ...[get(x), addIntegers, shifted(shiftRight, 16)],
  ...[isAbove(0x7f800000), select],
);

/** Of each lane, kept in `result`. */
const largestMagnitudes = code(
  ...[get(from), load(0), splat(0x7fffffff), and, get(result), wasm.largerInteger, tee(result)],
  ...[set(x), get(to), get(result), store(0)],
);

const functions = [
  loop("f16ToF32", 16, 32, widened(f32OfF16)),
  loop("f32ToF16", 32, 16, narrowed(f16OfF32)),
  loop("f32ToBf16", 32, 16, narrowed(bf16OfF32)),
  loop("largest", 16, 0, largestMagnitudes),
];

let compiled: WasmKernels | undefined;

/** As in util/bytes.ts. */
export function f16ToF32(source: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(source.length);
  convert("f16ToF32", source, Uint16Array, values, Float32Array);
  return values;
}

/** As in util/bytes.ts. */
export function f32ToF16(source: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(source.length);
  convert("f32ToF16", source, Float32Array, halves, Uint16Array);
  return halves;
}

/** As in util/bytes.ts. */
export function f32ToBf16(source: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(source.length);
  convert("f32ToBf16", source, Float32Array, halves, Uint16Array);
  return halves;
}

/** The largest magnitude; NaN where a value is NaN, 0 without values. */
export function largestMagnitude(source: Float32Array): number {
  compiled ??= new WasmKernels(functions);
  const memory = compiled.bytes(2 * target);
  const lanes = new Uint32Array(memory, target, 4);
  let largest = 0;
  for (let first = 0; first < source.length; first += stretch) {
    const some = source.subarray(first, first + stretch);
    new Float32Array(memory, 0, some.length + 3).fill(0, some.length);
    new Float32Array(memory).set(some);
    compiled.call("largest", some.byteLength);
    largest = Math.max(largest, ...lanes);
  }
  return new Float32Array(Uint32Array.of(largest).buffer)[0] ?? 0;
}

type Values = Uint16Array | Float32Array;
type ValuesOf = new (buffer: ArrayBuffer, offset: number, length: number) => Values;

/** What stands behind the last value is converted too and not taken. */
function convert(name: string, source: Values, From: ValuesOf, output: Values, To: ValuesOf) {
  compiled ??= new WasmKernels(functions);
  const memory = compiled.bytes(2 * target);
  for (let first = 0; first < source.length; first += stretch) {
    const some = source.subarray(first, first + stretch);
    new From(memory, 0, some.length).set(some);
    compiled.call(name, some.byteLength);
    output.set(new To(memory, target, some.length), first);
  }
}
