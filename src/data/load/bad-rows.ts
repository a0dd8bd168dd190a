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
        remedy: `${this.#isUnderTitle() ? titleRemedy : remedy} Nothing was loaded.`,
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

  /** Whether all rows are wider than the header: a title above it was taken for it. */
  #isUnderTitle(): boolean {
    return this.#first.every(({ what }) => what.includes("header"));
  }

  #describe(rows: number, names: readonly string[]): string {
    const named = this.#first.slice(0, namedRows);
    const shown = alike(named).map(([{ file, line, what }, ...others]) => {
      const name = names.length > 1 ? `${names[file] ?? ""}, ` : "";
      const same = others.length === 0 ? "" : `; ${linesOf(others)}: the same`;
      return `${name}line ${line}: ${what}${same}`;
    });
    const more = this.#count > named.length ? `; and ${this.#count - named.length} more` : "";
    return `${this.#count} of ${rows} rows cannot be used: ${shown.join("; ")}${more}.`;
  }
}

type Alike = [BadRow, ...BadRow[]];

/** Neighbours of one file with one reason together: a message gives a reason once. */
function alike(rows: readonly BadRow[]): Alike[] {
  const groups: Alike[] = [];
  for (const row of rows) {
    const [last] = groups.at(-1) ?? [];
    if (last?.file === row.file && last.what === row.what) {
      groups.at(-1)?.push(row);
    } else {
      groups.push([row]);
    }
  }
  return groups;
}

/** "line 4", "lines 4 to 9" without a gap, "lines 4, 6, 9". */
function linesOf(rows: readonly BadRow[]): string {
  const lines = rows.map(({ line }) => line);
  const [first = 0, last = first] = [lines[0], lines.at(-1)];
  const hasGap = last - first !== lines.length - 1;
  return lines.length === 1
    ? `line ${first}`
    : `lines ${hasGap ? lines.join(", ") : `${first} to ${last}`}`;
}

const titleRemedy =
  "Remove what stands above the names of the columns, such as a title: they must be the first line.";
const remedy = "Correct them, or choose other columns.";
