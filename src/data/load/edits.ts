// Changes that a person made to single rows of the data: a row left out, or written otherwise.
import type { ParsedRow, RowFault } from "../../formats/rows.ts";

/** The last edit of a row counts; undo is to leave the edit away. */
export interface RowEdit {
  /** Index of the row's file. */
  file: number;
  line: number;
  /** The row as it shall be; null leaves it out. */
  row: ParsedRow["row"] | null;
}

export class Edits {
  readonly #byPlace: ReadonlyMap<string, RowEdit>;

  constructor(edits: readonly RowEdit[]) {
    this.#byPlace = new Map(edits.map((edit) => [placeOf(edit), edit]));
  }

  get list(): RowEdit[] {
    return [...this.#byPlace.values()];
  }

  get isEmpty(): boolean {
    return this.#byPlace.size === 0;
  }

  /** The rows and faults of a file, edited. An edit can mend a row that could not be read. */
  apply(
    file: number,
    rows: readonly ParsedRow[],
    faults: readonly RowFault[],
  ): { rows: readonly ParsedRow[]; faults: readonly RowFault[] } {
    if (this.isEmpty) {
      return { rows, faults };
    }
    const editOf = (line: number) => this.#byPlace.get(placeOf({ file, line }));
    const kept = rows.flatMap(({ row, line }) => rowAfter({ row, line }, editOf(line)));
    const mended = faults.flatMap(({ line }) => rowAfter(null, editOf(line), line));
    return {
      rows: mended.length === 0 ? kept : [...kept, ...mended].toSorted((a, b) => a.line - b.line),
      faults: faults.filter(({ line }) => editOf(line) === undefined),
    };
  }
}

function rowAfter(
  given: ParsedRow | null,
  edit: RowEdit | undefined,
  line = given?.line ?? 0,
): ParsedRow[] {
  const row = edit === undefined ? (given?.row ?? null) : edit.row;
  return row === null ? [] : [{ row, line }];
}

function placeOf({ file, line }: Pick<RowEdit, "file" | "line">): string {
  return `${file}:${line}`;
}
