// Reads plain text and Markdown: a row {"text"} for every paragraph, which blank lines separate, or
// the text as it is in long rows, which go on in one another.
import { cutPlace } from "../../util/cut-place.ts";
import { continuesColumn, maxRowLength } from "../rows.ts";
import type { RowBatch } from "../table.ts";
import { BatchBuilder } from "./batch-builder.ts";
import { LineSplitter, type Line } from "./line-splitter.ts";
import { readText, type TextFile } from "./text-stream.ts";
import { brokenByteIn } from "./utf8.ts";

/** Characters of a long row: as many as the longest window has, and few enough to look at. */
const longRowLength = 2 ** 17;

/**
 * Paragraphs in order, each with the line where it begins; line breaks within one become "\n".
 * A paragraph of more than 1 MiB becomes several rows; a line of more than that is a fault.
 * @throws as `readText`; UserError "bad-row" past the limit of rows
 */
export function readParagraphs(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  return readLines(file, (batch) => new Paragraphs(batch), signal);
}

/**
 * The whole text in rows of at most 128 Ki characters, cut where cutPlace says: joined they are the
 * text, but for blank lines at its beginning and end. Line breaks become "\n". `continues` tells
 * whether a row goes on in the next.
 * @throws as `readParagraphs`
 */
export function readWholeText(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  return readLines(file, (batch) => new LongRows(batch), signal);
}

interface LineTaker {
  take(line: Line): void;
  finish(): void;
}

async function* readLines(
  file: TextFile,
  open: (batch: BatchBuilder) => LineTaker,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch, void> {
  const batch = new BatchBuilder(file.name);
  const lines = new LineSplitter(maxRowLength);
  const rows = open(batch);
  for await (const { text, readBytes, note } of readText(file, signal)) {
    batch.addNote(note);
    for (const line of lines.push(text)) {
      rows.take(line);
    }
    yield batch.take(readBytes);
  }
  for (const line of lines.end()) {
    rows.take(line);
  }
  rows.finish();
  yield batch.take(file.blob.size);
}

class Paragraphs implements LineTaker {
  readonly #batch: BatchBuilder;
  #lines: string[] = [];
  #length = 0;
  #begin = 0;

  constructor(batch: BatchBuilder) {
    this.#batch = batch;
  }

  take({ text, start, length, number }: Line): void {
    const isBlank = text?.trim() === "";
    if (isBlank || this.#length + length > maxRowLength) {
      this.finish();
    }
    if (text === undefined) {
      this.#batch.addFault(tooLongLine(length), start, number);
    } else if (!isBlank) {
      this.#begin = this.#lines.length === 0 ? number : this.#begin;
      this.#lines.push(text);
      this.#length += length + 1;
    }
  }

  finish(): void {
    if (this.#lines.length === 0) {
      return;
    }
    const text = this.#lines.join("\n");
    this.#lines = [];
    this.#length = 0;
    const byte = brokenByteIn(text);
    if (byte === undefined) {
      this.#batch.add({ text }, this.#begin);
    } else {
      this.#batch.addFault(brokenByte(byte), text, this.#begin);
    }
  }
}

class LongRows implements LineTaker {
  readonly #batch: BatchBuilder;
  #text = "";
  /** The line where each line of the text is in the file. */
  #lines: number[] = [];

  constructor(batch: BatchBuilder) {
    this.#batch = batch;
  }

  take({ text, start, length, number }: Line): void {
    const byte = text === undefined ? undefined : brokenByteIn(text);
    if (text === undefined || byte !== undefined) {
      const what = byte === undefined ? tooLongLine(length) : brokenByte(byte);
      this.#batch.addFault(what, start, number);
    } else if (this.#text !== "" || text.trim() !== "") {
      this.#text += `${text}\n`;
      this.#lines.push(number);
      this.#flush();
    }
  }

  finish(): void {
    const text = this.#text.trimEnd();
    if (text !== "") {
      this.#batch.add({ text, [continuesColumn]: false }, this.#lines[0] ?? 1);
    }
  }

  /** Text stays until more of it follows: only then it is known to go on. */
  #flush(): void {
    while (this.#text.length > longRowLength && this.#text.trimEnd().length > longRowLength) {
      const end = cutPlace(this.#text, 0, longRowLength);
      const text = this.#text.slice(0, end);
      this.#batch.add({ text, [continuesColumn]: true }, this.#lines[0] ?? 1);
      this.#text = this.#text.slice(end);
      this.#lines = this.#lines.slice(text.split("\n").length - 1);
    }
  }
}

function tooLongLine(length: number): string {
  return `a line of ${length} characters, the limit is ${maxRowLength}`;
}

function brokenByte(byte: string): string {
  return `the byte ${byte}, which is not UTF-8`;
}
