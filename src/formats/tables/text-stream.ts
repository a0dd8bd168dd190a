// A data file as pieces of text, whatever its encoding, without a byte order mark at the start.
import { readPieces, type TableFile } from "./table-file.ts";
import type { Encoding } from "./encoding.ts";
import { cutCharacter, decodeUtf8, surveyUtf8 } from "./utf8.ts";

export interface TextPiece {
  text: string;
  /** Bytes of the file read so far. */
  readBytes: number;
  /** Something about the file that a person should know, found with this piece. */
  note?: string;
}

export interface TextFile extends TableFile {
  readonly encoding: Encoding;
  /** False when all that is known is that the file begins with ASCII. */
  readonly isEncodingCertain: boolean;
}

/**
 * All text in order; at least one piece, and the last one has read all bytes. Broken UTF-8 gives
 * lone surrogates (utf8.ts).
 * @throws as `readPieces`
 */
export async function* readText(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<TextPiece, void> {
  const decoder = decoderOf(file);
  let isStart = true;
  const begin = (text: string): string => {
    const isMark = isStart && text.startsWith("\uFEFF");
    isStart &&= text === "";
    return isMark ? text.slice(1) : text;
  };
  for await (const { bytes, readBytes } of readPieces(file, signal)) {
    const text = begin(decoder.decode(bytes));
    yield { text, readBytes, ...decoder.takeNote() };
  }
  yield { text: begin(decoder.end()), readBytes: file.blob.size, ...decoder.takeNote() };
}

interface PieceDecoder {
  decode(bytes: Uint8Array<ArrayBuffer>): string;
  end(): string;
  takeNote(): { note?: string };
}

function decoderOf({ encoding, isEncodingCertain }: TextFile): PieceDecoder {
  return encoding === "utf-8" ? new Utf8Decoder(isEncodingCertain) : new PlainDecoder(encoding);
}

class PlainDecoder implements PieceDecoder {
  readonly #decoder: TextDecoder;

  constructor(encoding: Encoding) {
    this.#decoder = new TextDecoder(encoding, { ignoreBOM: true });
  }

  decode(bytes: Uint8Array<ArrayBuffer>): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }

  takeNote(): { note?: string } {
    return {};
  }
}

/**
 * Its opening can be all ASCII and the rest Windows-1252: then it changes over at the first byte
 * beyond ASCII, before which both read the same.
 */
class Utf8Decoder implements PieceDecoder {
  #isAscii: boolean;
  #cut: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #other: PlainDecoder | undefined;
  #note: string | undefined;

  constructor(isCertain: boolean) {
    this.#isAscii = !isCertain;
  }

  decode(bytes: Uint8Array<ArrayBuffer>): string {
    if (this.#other !== undefined) {
      return this.#other.decode(bytes);
    }
    const joined = this.#cut.length === 0 ? bytes : joinTwo(this.#cut, bytes);
    const cut = cutCharacter(joined);
    this.#cut = joined.slice(joined.length - cut);
    return this.#decodeWhole(joined.subarray(0, joined.length - cut));
  }

  end(): string {
    if (this.#other !== undefined) {
      return this.#other.end();
    }
    // A character that is cut off at the end says nothing of the encoding.
    return decodeUtf8(this.#cut);
  }

  takeNote(): { note?: string } {
    const note = this.#note;
    this.#note = undefined;
    return note === undefined ? {} : { note };
  }

  #decodeWhole(bytes: Uint8Array<ArrayBuffer>): string {
    const text = decodeUtf8(bytes);
    if (this.#isAscii && /[\u0080-\uffff]/.test(text)) {
      this.#isAscii = false;
      if (surveyUtf8(bytes).beginsBroken) {
        this.#note = "Its bytes are not UTF-8: it is read as Windows-1252.";
        this.#other = new PlainDecoder("windows-1252");
        return this.#other.decode(joinTwo(bytes, this.#takeCut()));
      }
    }
    return text;
  }

  #takeCut(): Uint8Array<ArrayBuffer> {
    const cut = this.#cut;
    this.#cut = new Uint8Array(0);
    return cut;
  }
}

function joinTwo(
  first: Uint8Array<ArrayBuffer>,
  second: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
