// The first rows of a table, column by column, for the recognition of their shape.
import type { ParsedRow } from "../../formats/rows.ts";
import { isAbsent, plainName, textOf, truthOf, type Row } from "./row/cell.ts";
import { isShareGpt, listOfMessages } from "./row/conversation.ts";

export class Sample {
  readonly #rows: readonly Row[];
  /** Names of the columns that hold something, in the order of the rows. */
  readonly columns: readonly string[];

  constructor(rows: readonly ParsedRow[]) {
    this.#rows = rows.map(({ row }) => row);
    const names = this.#rows.flatMap((row) =>
      Object.keys(row).filter((name) => !isAbsent(row[name])),
    );
    this.columns = [...new Set(names)];
  }

  /** The columns of these names, without case, spaces and underscores; in the order of `names`. */
  named(names: readonly string[]): string[] {
    const plain = this.columns.map((column) => ({ column, name: plainName(column) }));
    return names.flatMap((wanted) =>
      plain.filter(({ name }) => name === plainName(wanted)).map(({ column }) => column),
    );
  }

  /** The columns whose first word is one of these names: "Answer (final)". */
  beginningWith(names: readonly string[]): string[] {
    return names.flatMap((wanted) =>
      this.columns.filter(
        (column) => /^[\p{L}\p{N}_]+/u.exec(column)?.[0].toLowerCase() === wanted,
      ),
    );
  }

  /** The values of a column, absent ones left out. */
  values(column: string): unknown[] {
    return this.#rows.map((row) => row[column]).filter((value) => !isAbsent(value));
  }

  /** Whether some cell is text, or a number, and not a list of messages as text. */
  hasText(column: string): boolean {
    return this.values(column).some(
      (value) => textOf(value) !== null && listOfMessages(value) === null,
    );
  }

  hasMessages(column: string): boolean {
    return this.values(column).some((value) => listOfMessages(value) !== null);
  }

  hasShareGpt(column: string): boolean {
    return this.values(column).some(isShareGpt);
  }

  /** Whether every cell is true or false, or its text. */
  isTruth(column: string): boolean {
    const values = this.values(column);
    return values.length > 0 && values.every((value) => truthOf(value) !== null);
  }

  /** Whether every cell is a number or its text, but for empty ones. */
  isNumeric(column: string): boolean {
    const texts = this.values(column).map((value) => textOf(value)?.trim());
    return (
      texts.some((text) => text !== "") &&
      texts.every((text) => text !== undefined && Number.isFinite(Number(text)))
    );
  }
}
