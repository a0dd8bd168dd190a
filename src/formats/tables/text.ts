// Reads plain text and Markdown: a row {"text"} for every paragraph, which blank lines separate.
import { maxRowLength } from "../rows.ts";
import type { RowBatch } from "../table.ts";
import { BatchBuilder } from "./batch-builder.ts";
import { LineSplitter, type Line } from "./line-splitter.ts";
import { readText, type TextFile } from "./text-stream.ts";
import { brokenByteIn } from "./utf8.ts";

/**
 * What stood between two rows of a text, or more of it: rows joined with it, in their order, are
 * the text again, for windows of a length in tokens.
 */
export const paragraphSeparator = "\n\n";

/**
 * Paragraphs in order, each with the line where it begins; line breaks within one become "\n".
 * A paragraph of more than 1 MiB becomes several rows; a line of more than that is a fault.
 * @throws as `readText`; UserError "bad-row" past the limit of rows
 */
export async function* readParagraphs(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const batch = new BatchBuilder(file.name);
  const lines = new LineSplitter(maxRowLength);
  const paragraphs = new Paragraphs(batch);
  for await (const { text, readBytes, note } of readText(file, signal)) {
    batch.addNote(note);
    for (const line of lines.push(text)) {
      paragraphs.take(line);
    }
    yield batch.take(readBytes);
  }
  for (const line of lines.end()) {
    paragraphs.take(line);
  }
  paragraphs.finish();
  yield batch.take(file.blob.size);
}

class Paragraphs {
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
      const what = `a line of ${length} characters, the limit is ${maxRowLength}`;
      this.#batch.addFault(what, start, number);
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
      this.#batch.addFault(`the byte ${byte}, which is not UTF-8`, text, this.#begin);
    }
  }
}
