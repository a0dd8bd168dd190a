// Joins lines to the records of a CSV file: a quoted field can hold line breaks. Says which lines
// have broken quotes. Format: RFC 4180.
import { maxRowLength } from "../../rows.ts";
import type { Line } from "../line-splitter.ts";

/** One record, with "\n" for the line breaks in it, or what is wrong with its first line. */
export interface CsvRecord {
  /** Where it begins, from 1. */
  line: number;
  text: string;
  fault?: string;
}

const neverClosed = "a quoted field that is never closed";
const textAfterQuote = "text after a closing quote; write a quote inside a quoted field twice";

/**
 * After a fault, reading goes back to the second line of the record. Every line is read at most
 * twice: where one reading is inside quotes, the other is outside, and ends with the line.
 */
export class CsvRecords {
  readonly #delimiter: string;
  readonly #take: (record: CsvRecord) => void;
  #open: Line[] = [];
  #openLength = 0;

  /** @param take receives the records in order; blank lines are none */
  constructor(delimiter: string, take: (record: CsvRecord) => void) {
    this.#delimiter = delimiter;
    this.#take = take;
  }

  push(line: Line): void {
    const waiting = [line];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const fault = this.#read(next);
      if (fault !== undefined) {
        waiting.push(next);
        for (const again of this.#giveUp(fault).reverse()) {
          waiting.push(again);
        }
      }
    }
  }

  end(): void {
    while (this.#open.length > 0) {
      this.#giveUp(neverClosed).forEach((line) => {
        this.push(line);
      });
    }
  }

  /** @returns what is wrong with the open record, when the line does not fit it */
  #read(line: Line): string | undefined {
    if (this.#open.length > 0) {
      return this.#extend(line);
    }
    this.#begin(line);
    return undefined;
  }

  #begin(line: Line): void {
    const { text, start, length, number } = line;
    if (text === undefined) {
      const fault = `${length} characters long, the limit is ${maxRowLength}`;
      this.#take({ line: number, text: start, fault });
      return;
    }
    if (text.trim() === "") {
      return;
    }
    const state = stateAfter(text, false, this.#delimiter);
    if (state === "quoted") {
      this.#open = [line];
      this.#openLength = text.length;
    } else {
      this.#take({ line: number, text, ...(state === "broken" && { fault: textAfterQuote }) });
    }
  }

  #extend(line: Line): string | undefined {
    this.#openLength += line.length + 1;
    if (line.text === undefined || this.#openLength > maxRowLength) {
      return neverClosed;
    }
    const state = stateAfter(line.text, true, this.#delimiter);
    if (state === "broken") {
      return textAfterQuote;
    }
    this.#open.push(line);
    if (state === "ended") {
      const [first] = this.#open;
      const text = this.#open.map((part) => part.text ?? "").join("\n");
      this.#open = [];
      this.#take({ line: first?.number ?? 0, text });
    }
    return undefined;
  }

  /** @returns the lines to read again */
  #giveUp(fault: string): Line[] {
    const [first, ...rest] = this.#open;
    this.#open = [];
    if (first !== undefined) {
      this.#take({ line: first.number, text: first.start, fault });
    }
    return rest;
  }
}

/** What a record is in at the end of a line. Spaces after a closing quote are allowed. */
function stateAfter(
  line: string,
  startsQuoted: boolean,
  delimiter: string,
): "ended" | "quoted" | "broken" {
  let at = 0;
  let isQuoted = startsQuoted;
  for (;;) {
    if (!isQuoted && line.charAt(at) !== '"') {
      const next = line.indexOf(delimiter, at);
      if (next === -1) {
        return "ended";
      }
      at = next + 1;
      continue;
    }
    at = closingQuote(line, isQuoted ? at : at + 1);
    if (at === -1) {
      return "quoted";
    }
    isQuoted = false;
    do {
      at++;
    } while (line.charAt(at) === " " && delimiter !== " ");
    if (at >= line.length) {
      return "ended";
    }
    if (line.charAt(at) !== delimiter) {
      return "broken";
    }
    at++;
  }
}

/** Index of the next quote that is not one of a pair; -1 without one. */
function closingQuote(line: string, from: number): number {
  let at = line.indexOf('"', from);
  while (at !== -1 && line.charAt(at + 1) === '"') {
    at = line.indexOf('"', at + 2);
  }
  return at;
}
