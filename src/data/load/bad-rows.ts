// Rows that cannot be used: counted, the first of them kept with file, line and reason, and when
// they are too many for the data to be what the person means.
import type { RowFault } from "../../formats/rows.ts";
import { UserError } from "../../util/errors.ts";
import { formatCountOf } from "../../util/format.ts";

/** A row that is left out; `what` is a clause without a full stop, `text` the row's beginning. */
export interface BadRow extends RowFault {
  /** Index of its file. */
  file: number;
}

/** Kept for the page; the list to download has all. */
const keptRows = 100;
/** Named in a message. */
const namedRows = 20;
/** More bad rows than this share are refused until the person agrees. */
const largestShare = 1 / 10;

export class BadRows {
  readonly #first: BadRow[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The first 100. */
  get first(): readonly BadRow[] {
    return this.#first;
  }

  add(row: BadRow): void {
    this.#count++;
    if (this.#first.length < keptRows) {
      this.#first.push(row);
    }
  }

  /**
   * @param rows all rows, bad ones too
   * @param names of the files, by index
   * @throws UserError "empty-data" when there is no row, "bad-row" when none is usable,
   *   "many-bad-rows" when more than a tenth is bad and the person has not agreed
   */
  check(rows: number, names: readonly string[], isAgreed: boolean): void {
    if (rows === 0) {
      throw new UserError("empty-data", "There are no rows.", {
        where: names.join(", "),
        remedy: "Choose a file with at least one row.",
      });
    }
    if (this.#count === rows) {
      throw new UserError("bad-row", this.#describe(rows, names), {
        where: names.join(", "),
        remedy: `${remedy} Nothing was loaded.`,
      });
    }
    if (this.#count > rows * largestShare && !isAgreed) {
      throw new UserError("many-bad-rows", this.#describe(rows, names), {
        where: names.join(", "),
        usableRows: rows - this.#count,
        remedy: `${remedy} Or load the other ${formatCountOf(rows - this.#count, "row")} without them.`,
      });
    }
  }

  #describe(rows: number, names: readonly string[]): string {
    const shown = this.#first.slice(0, namedRows).map(({ file, line, what }) => {
      const name = names.length > 1 ? `${names[file] ?? ""}, ` : "";
      return `${name}line ${line}: ${what}`;
    });
    const more = this.#count > shown.length ? `; and ${this.#count - shown.length} more` : "";
    return `${this.#count} of ${rows} rows cannot be used: ${shown.join("; ")}${more}.`;
  }
}

const remedy = "Correct them, or choose other columns.";
