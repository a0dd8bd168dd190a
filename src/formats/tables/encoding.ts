// Recognises the encoding of a text file by its first bytes.
import { UserError } from "../../util/errors.ts";
import type { TableChoices } from "../table.ts";
import { surveyUtf8 } from "./utf8.ts";

export type Encoding = NonNullable<TableChoices["encoding"]>;

/** Names for a person. UTF-8 is what everyone expects and needs no word. */
export const encodingNames: Readonly<Record<Encoding, string>> = {
  "utf-8": "UTF-8",
  "utf-16le": "UTF-16",
  "utf-16be": "UTF-16, big-endian",
  "windows-1252": "Windows-1252",
};

/** Share of zero bytes at one parity that only UTF-16 has: every twentieth character is ASCII. */
const minZeroShare = 0.05;

export interface DetectedEncoding {
  encoding: Encoding;
  /** False when the bytes are all ASCII, so that the rest of the file may show another one. */
  isCertain: boolean;
}

/**
 * By the byte order mark, by zero bytes, or as UTF-8; Windows-1252 when most bytes beyond ASCII are
 * not UTF-8.
 * @throws UserError "bad-row" for UTF-32, and for another encoding of one byte or several a
 *   character
 */
export function detectEncoding(opening: Uint8Array, fileName: string): DetectedEncoding {
  return {
    encoding: byMark(opening, fileName) ?? utf16ByZeros(opening) ?? singleByte(opening, fileName),
    isCertain: opening.some((byte) => byte >= 0x80 || byte === 0),
  };
}

function byMark(opening: Uint8Array, fileName: string): Encoding | undefined {
  const [first, second, third, fourth] = opening;
  if (first === 0xff && second === 0xfe) {
    if (third === 0 && fourth === 0) {
      throw unknownEncoding("UTF-32", fileName);
    }
    return "utf-16le";
  }
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

function utf16ByZeros(opening: Uint8Array): Encoding | undefined {
  const zeros: [even: number, odd: number] = [0, 0];
  for (let i = 0; i < opening.length; i++) {
    if (opening[i] === 0) {
      zeros[i & 1 ? 1 : 0]++;
    }
  }
  const [even, odd] = zeros;
  const least = Math.max(1, (opening.length / 2) * minZeroShare);
  if (Math.max(even, odd) < least) {
    return undefined;
  }
  if (even < odd / 4) {
    return "utf-16le";
  }
  return odd < even / 4 ? "utf-16be" : undefined;
}

function singleByte(opening: Uint8Array, fileName: string): Encoding {
  const { sequences, broken } = surveyUtf8(opening);
  if (broken <= sequences) {
    return "utf-8";
  }
  if (isMostlyRuns(opening)) {
    throw unknownEncoding("neither UTF-8, UTF-16 nor Windows-1252", fileName);
  }
  return "windows-1252";
}

/**
 * Whether most bytes beyond ASCII have one as a neighbour. In Western text they are single letters
 * and signs; Cyrillic, Greek, Chinese, Japanese and Korean encodings have runs of them.
 */
function isMostlyRuns(opening: Uint8Array): boolean {
  let high = 0;
  let inRuns = 0;
  for (let i = 0; i < opening.length; i++) {
    if (isHigh(opening[i])) {
      high++;
      inRuns += isHigh(opening[i - 1]) || isHigh(opening[i + 1]) ? 1 : 0;
    }
  }
  return inRuns > high / 2;
}

function isHigh(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80;
}

function unknownEncoding(what: string, where: string): UserError {
  return new UserError("bad-row", `The encoding of the text is ${what}.`, {
    where,
    remedy: "Save it as UTF-8 in the program that made it, and choose it again.",
  });
}
