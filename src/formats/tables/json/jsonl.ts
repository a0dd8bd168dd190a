// Reads JSON Lines: one object on every line, or objects over several lines, one after another.
// Blank lines, a byte order mark at the start and any line ending are allowed.
import { maxRowLength } from "../../rows.ts";
import type { RowBatch } from "../../table.ts";
import { BatchBuilder } from "../batch-builder.ts";
import { LineSplitter, type Line } from "../line-splitter.ts";
import { readText, type TextFile } from "../text-stream.ts";
import { JsonScan } from "./json-scan.ts";
import { parseJsonRow, tooLong } from "../json-row.ts";

/**
 * Every line that is not one whole object, nor part of one over several lines, is a fault.
 * @throws as `readText`; UserError "bad-row" past the limit of rows
 */
export async function* readJsonl(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const batch = new BatchBuilder(file.name);
  const lines = new LineSplitter(maxRowLength);
  const rows = new LineRows(batch);
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
  rows.end();
  yield batch.take(file.blob.size);
}

/**
 * Text of real rows nests some ten levels deep. Every line that is read again was one level deeper
 * before, so none is read again more often than this.
 */
const maxDepth = 64;

/**
 * Makes rows of lines. An object over several lines is tried whole; when a line cannot belong to
 * it, its first line is a fault, and reading goes back to the second.
 */
class LineRows {
  readonly #batch: BatchBuilder;
  /** Lines of an object that is not whole yet. */
  #open: Line[] = [];
  #openLength = 0;
  #scan = new JsonScan(maxDepth);

  constructor(batch: BatchBuilder) {
    this.#batch = batch;
  }

  take(line: Line): void {
    const waiting = [line];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!this.#fits(next)) {
        waiting.push(next);
        for (const again of this.#giveUp().reverse()) {
          waiting.push(again);
        }
      }
    }
  }

  end(): void {
    while (this.#open.length > 0) {
      this.#giveUp().forEach((line) => {
        this.take(line);
      });
    }
  }

  /** False when the line cannot belong to the object that is open. */
  #fits(line: Line): boolean {
    if (this.#open.length > 0) {
      return this.#extend(line);
    }
    const { text, start, length, number } = line;
    if (text === undefined) {
      this.#batch.addFault(tooLong(length), start, number);
    } else if (text.trim() !== "") {
      this.#single(line, text);
    }
    return true;
  }

  #single(line: Line, text: string): void {
    // The scan is quick; to find out by JSON.parse that a row is not whole costs an exception.
    const isWhole = /\}\s*$/.test(text);
    const parsed = isWhole || !this.#opens(text) ? parseJsonRow(text) : undefined;
    if (parsed === undefined || ("what" in parsed && isWhole && this.#opens(text))) {
      this.#open = [line];
      this.#openLength = text.length;
    } else if ("row" in parsed) {
      this.#batch.add(parsed.row, line.number);
      this.#batch.addNote(parsed.note);
    } else {
      this.#batch.addFault(parsed.what, text, line.number);
    }
  }

  /** Whether the line begins an object that further lines may close. */
  #opens(text: string): boolean {
    this.#scan = new JsonScan(maxDepth);
    return /^\s*\{/.test(text) && this.#isOpenAfter(text);
  }

  #extend(line: Line): boolean {
    this.#openLength += line.length + 1;
    if (line.text === undefined || this.#openLength > maxRowLength) {
      return false;
    }
    const isOpen = this.#isOpenAfter(line.text);
    if (!isOpen && !this.#isDone()) {
      return false;
    }
    this.#open.push(line);
    if (!isOpen) {
      this.#finish();
    }
    return true;
  }

  /** Whether the object is neither closed nor broken at the end of this line. */
  #isOpenAfter(text: string): boolean {
    for (let from = 0; ;) {
      const mark = this.#scan.next(text, from, 1);
      if (mark === null) {
        return this.#scan.fault === undefined && !this.#scan.inString && this.#scan.depth > 0;
      }
      from = mark.at + 1;
    }
  }

  #isDone(): boolean {
    const { fault, inString, depth } = this.#scan;
    return fault === undefined && !inString && depth === 0;
  }

  /** The object is whole: its text is a row, or its first line has the fault. */
  #finish(): void {
    const text = this.#open.map((line) => line.text ?? "").join("\n");
    const number = this.#open[0]?.number ?? 0;
    const parsed = parseJsonRow(text);
    this.#open = [];
    if ("row" in parsed) {
      this.#batch.add(parsed.row, number);
      this.#batch.addNote(parsed.note);
    } else {
      this.#batch.addFault(parsed.what, text, number);
    }
  }

  /** The first line of the open object is a fault; the others are returned to be read again. */
  #giveUp(): Line[] {
    const [first, ...rest] = this.#open;
    this.#open = [];
    if (first !== undefined) {
      const parsed = parseJsonRow(first.text ?? "");
      this.#batch.addFault("what" in parsed ? parsed.what : "", first.start, first.number);
    }
    return rest;
  }
}
