// Decodes UTF-8 that may be broken: a byte that belongs to no character becomes a lone surrogate,
// as Python's "surrogateescape" does, so that the row that has it can be named.

/** Base of the surrogates for broken bytes 0x80 to 0xFF: U+DC80 to U+DCFF. */
const escapeBase = 0xdc00;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text, with a lone surrogate for each broken byte. The encoding itself can give none, so one
 * in the result is a broken byte.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeBroken(bytes);
  }
}

function decodeBroken(bytes: Uint8Array): string {
  const parts: string[] = [];
  let begin = 0;
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(strict.decode(bytes.subarray(begin, at)));
    parts.push(String.fromCharCode(escapeBase + (bytes[at] ?? 0)));
    begin = ++at;
  }
  parts.push(strict.decode(bytes.subarray(begin)));
  return parts.join("");
}

/** The first broken byte in the text of {@link decodeUtf8} as "0xE9"; undefined without one. */
export function brokenByteIn(text: string): string | undefined {
  const found = /[\udc80-\udcff]/u.exec(text)?.[0].charCodeAt(0);
  return found === undefined
    ? undefined
    : `0x${(found - escapeBase).toString(16).toUpperCase().padStart(2, "0")}`;
}

export interface Utf8Survey {
  /** Characters of more than one byte. */
  sequences: number;
  /** Bytes that belong to no character. A character cut off at the end is not counted. */
  broken: number;
  /** Whether the first byte beyond ASCII is a broken one. */
  beginsBroken: boolean;
}

/** Counts characters beyond ASCII, and bytes that are none. */
export function surveyUtf8(bytes: Uint8Array): Utf8Survey {
  const survey = { sequences: 0, broken: 0, beginsBroken: false };
  const end = bytes.length - cutCharacter(bytes);
  for (let at = 0; at < end;) {
    const length = characterLength(bytes, at);
    if (length > 1) {
      survey.sequences++;
    } else if (length === 0) {
      survey.beginsBroken ||= survey.sequences === 0;
      survey.broken++;
    }
    at += Math.max(1, length);
  }
  return survey;
}

/** How many bytes at the end begin a character that further bytes could complete: 0 to 3. */
export function cutCharacter(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) {
      return leadLength(byte) > back ? back : 0;
    }
    if (byte < 0x80) {
      return 0;
    }
  }
  return 0;
}

function leadLength(byte: number): number {
  if (byte < 0x80) {
    return 1;
  }
  if (byte < 0xc2 || byte > 0xf4) {
    return 0;
  }
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/** Bytes of the character at `at`, by table 3-7 of the Unicode Standard; 0 when it is broken. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const length = leadLength(lead);
  if (length > 1) {
    const [low, high] = secondByteRange(lead);
    const second = bytes[at + 1] ?? 0;
    if (second < low || second > high) {
      return 0;
    }
    for (let i = 2; i < length; i++) {
      if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) {
        return 0;
      }
    }
  }
  return length;
}

/** Excludes forms that are too long, surrogates, and what lies beyond U+10FFFF. */
function secondByteRange(lead: number): readonly [low: number, high: number] {
  switch (lead) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
