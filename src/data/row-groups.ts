// Rows that have something in common, such as the reason why they are left out: counted, the first
// of each group kept with their places.
import type { RowPlace } from "./example.ts";

/** A row of a group, with what is to say of it as a clause. */
export interface GroupedRow extends RowPlace {
  words: string;
}

export interface RowGroup {
  name: string;
  count: number;
  /** The first 1000. */
  rows: readonly GroupedRow[];
}

/** A list to click through; the count has all. */
export const listedRows = 1000;

export class RowGroups {
  readonly #groups = new Map<string, { name: string; count: number; rows: GroupedRow[] }>();

  get list(): readonly RowGroup[] {
    return [...this.#groups.values()];
  }

  /** Rows of all groups; one that is in two counts twice. */
  get count(): number {
    return this.list.reduce((sum, { count }) => sum + count, 0);
  }

  add(name: string, { line, file }: RowPlace, words: string): void {
    const group = this.#groups.get(name) ?? { name, count: 0, rows: [] };
    this.#groups.set(name, group);
    group.count++;
    if (group.rows.length < listedRows) {
      group.rows.push({ line, file, words });
    }
  }
}
