// sentencepiece's precompiled normalisation: a double-array trie that maps byte sequences to
// replacements. It is applied per grapheme shorter than six bytes, then per character, each time
// with the shortest matching entry. Source: sentencepiece's builder.cc (the blob), Darts-clone (the
// units) and the Rust crate spm_precompiled (the application).
import { SourceList, sizeAt, type TextStep } from "./alignment.ts";
import type { Field } from "../field.ts";

/** Limit of the table; the largest real one (nmt_nfkc_cf) has 0.3 MB. */
const maxBytes = 16 * 2 ** 20;
const maxKnown = 20_000;

interface Table {
  units: Uint32Array;
  /** Replacements, each terminated by a zero byte. */
  texts: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * @param field base64 of: size of the trie in bytes (u32, little-endian), the trie, the
 * replacements; null for none
 */
export function readPrecompiled(field: Field): TextStep {
  if (!field.isGiven || field.text() === "") {
    return { apply: (text) => text, sourcesOf: () => new SourceList().all() };
  }
  const table = readTable(field);
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  const known = new Map<string, Replaced[]>();
  const replacedOf = (grapheme: string) => {
    let replaced = known.get(grapheme);
    if (replaced === undefined) {
      replaced = replaceGrapheme(grapheme, table);
      if (known.size >= maxKnown) {
        known.clear();
      }
      known.set(grapheme, replaced);
    }
    return replaced;
  };
  const parts = (text: string) =>
    Array.from(graphemes.segment(text), ({ segment }) => replacedOf(segment)).flat();
  return {
    apply: (text) =>
      parts(text)
        .map(({ after }) => after)
        .join(""),
    sourcesOf(text) {
      const list = new SourceList();
      let begin = 0;
      for (const { before, after } of parts(text)) {
        addSources(list, begin, before, after);
        begin += before.length;
      }
      return list.all();
    },
  };
}

/** Character by character; those beyond the last one stand for it. */
function addSources(list: SourceList, begin: number, before: string, after: string): void {
  let unit = 0;
  for (const character of after) {
    list.repeat(begin + unit, character.length);
    const next = unit + sizeAt(before, unit);
    unit = next < before.length ? next : unit;
  }
}

interface Replaced {
  before: string;
  after: string;
}

function replaceGrapheme(grapheme: string, table: Table): Replaced[] {
  const bytes = encoder.encode(grapheme);
  const whole = bytes.length < 6 ? shortestMatch(bytes, table) : null;
  if (whole !== null) {
    return [{ before: grapheme, after: whole }];
  }
  return Array.from(grapheme, (before) => ({
    before,
    after: shortestMatch(encoder.encode(before), table) ?? before,
  }));
}

/** Walks the trie to the first entry; its value is the offset of the replacement. */
function shortestMatch(bytes: Uint8Array, { units, texts }: Table): string | null {
  let unit = units[0] ?? 0;
  let node = offsetOf(unit);
  for (const byte of bytes) {
    node ^= byte;
    unit = units[node] ?? 0;
    // Label and leaf bit: a leaf has no children.
    if (byte === 0 || (unit & 0x800000ff) >>> 0 !== byte) {
      return null;
    }
    node ^= offsetOf(unit);
    if (((unit >>> 8) & 1) === 1) {
      const begin = (units[node] ?? 0) & 0x7fffffff;
      const end = texts.indexOf(0, begin);
      return decoder.decode(texts.subarray(begin, end < 0 ? texts.length : end));
    }
  }
  return null;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}

function readTable(field: Field): Table {
  const bytes = decodeBase64(field);
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length < 4 ? 0 : view.getUint32(0, true);
  if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes + 4 > bytes.length) {
    throw field.fault(`declares a trie of ${trieBytes} bytes, but has ${bytes.length} in total`);
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, index) =>
    view.getUint32(4 + index * 4, true),
  );
  return { units, texts: bytes.subarray(4 + trieBytes) };
}

function decodeBase64(field: Field): Uint8Array<ArrayBuffer> {
  const text = field.text();
  if (text.length > maxBytes) {
    throw field.fault(`has ${text.length} characters, more than ${maxBytes}`);
  }
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw field.fault("is not base64");
  }
}
