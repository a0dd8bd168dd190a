// The rows of the data as the page looks at them: one row at a time, search, edits with undo, and
// the lists to download.
import type { SessionClient } from "../../session/client.ts";
import type { DataInfo, PreviewedRow, RowEdit } from "../../session/protocol.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { downloadBlob } from "../download.ts";
import { elsewhere, type RowPlace } from "./row-places.ts";

/** What the rows need of the set-up. */
export interface RowsSource {
  data: () => DataInfo | null;
  recipe: () => Recipe;
  editData: (edits: RowEdit[]) => Promise<void>;
}

export class RowsView {
  row = $state.raw<PreviewedRow | null>(null);
  shownNumber = $state(1);
  search = $state("");
  /** What the last look for a row came to, where that is no row. */
  note = $state("");
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;
  readonly #source: RowsSource;
  /** The edits before each edit, for undo. */
  #history = $state.raw<readonly (readonly RowEdit[])[]>([]);
  /** Rows shown before this one while searching. */
  #visited: number[] = [];
  #asked = 0;
  /** The last look for a row that a person asked for. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(client: SessionClient, source: RowsSource) {
    this.#client = client;
    this.#source = source;
  }

  /** Rows of all files, bad ones too. */
  get count(): number {
    return this.#source.data()?.files.reduce((sum, { rows }) => sum + rows, 0) ?? 0;
  }

  get edits(): readonly RowEdit[] {
    return this.#source.data()?.edits ?? [];
  }

  /** Other data: their first row. */
  clear(): void {
    // An answer on its way is about other rows.
    this.#asked++;
    this.row = this.error = null;
    this.#history = [];
    this.#visited = [];
    this.search = this.note = "";
    this.shownNumber = 1;
  }

  /**
   * Draws the row again, with other edits or another recipe; after the row that a person has just
   * asked for, which it must not replace.
   */
  async refresh(): Promise<void> {
    await this.#looking;
    await this.#show({ from: Math.min(this.row?.number ?? 1, Math.max(1, this.count)) }, "");
  }

  async showNumber(number: number): Promise<void> {
    const whole = Math.round(number);
    if (Number.isFinite(whole)) {
      this.#visited = [];
      await this.#show({ from: Math.min(Math.max(1, whole), Math.max(1, this.count)) }, "");
    }
  }

  async showPlace(place: RowPlace): Promise<void> {
    this.search = "";
    this.#visited = [];
    await this.#show({ at: { file: place.file, line: place.line } }, "");
  }

  /** The next row, or the next with the text that is searched. */
  async showNext(): Promise<void> {
    const { row } = this;
    if (row !== null && (await this.#show({ from: row.number + 1 }, this.search))) {
      this.#visited.push(row.number);
    }
  }

  async showPrevious(): Promise<void> {
    const before = this.search === "" ? (this.row?.number ?? 2) - 1 : this.#visited.pop();
    if (before === undefined || before < 1) {
      this.note = "This is the first row.";
    } else {
      await this.#show({ from: before }, "");
    }
  }

  /** The first row with the text. */
  async find(): Promise<void> {
    this.#visited = [];
    await this.#show({ from: 1 }, this.search);
  }

  exclude({ file, line }: PreviewedRow): void {
    this.#change([...this.#others({ file, line }), { file, line, row: null }]);
  }

  /** Leaves out several rows at once, which one undo brings back. */
  leaveOut(places: readonly RowPlace[]): void {
    const others = elsewhere(this.edits, places);
    this.#change([...others, ...places.map(({ file, line }) => ({ file, line, row: null }))]);
  }

  /** @returns what is wrong with the text, or null where the row is changed */
  edit({ file, line }: PreviewedRow, text: string): string | null {
    let row: unknown;
    try {
      row = JSON.parse(text);
    } catch (error) {
      return `This is not JSON: ${toPlain(error).message}.`;
    }
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      return "A row is an object: its columns and values in braces.";
    }
    this.#change([...this.#others({ file, line }), { file, line, row: { ...row } }]);
    return null;
  }

  /** Takes the last edit back. */
  undo(): void {
    const last = this.#history.at(-1) ?? this.edits.slice(0, -1);
    this.#history = this.#history.slice(0, -1);
    void this.#source.editData([...last]);
  }

  async downloadBad(): Promise<void> {
    await this.#download("downloadBadRows");
  }

  async downloadEdited(): Promise<void> {
    await this.#download("downloadRows");
  }

  #others({ file, line }: RowPlace): RowEdit[] {
    return this.edits.filter((edit) => edit.file !== file || edit.line !== line);
  }

  #change(edits: RowEdit[]): void {
    this.#history = [...this.#history, this.edits];
    void this.#source.editData(edits);
  }

  /** @returns whether there is such a row */
  #show(where: { from: number } | { at: RowPlace }, search: string): Promise<boolean> {
    const shown = this.#ask(where, search);
    this.#looking = shown;
    return shown;
  }

  async #ask(where: { from: number } | { at: RowPlace }, search: string): Promise<boolean> {
    const ask = ++this.#asked;
    try {
      const wanted = { from: 1, ...where, count: 1, search };
      const recipe = this.#source.recipe();
      const { rows } = await this.#client.call("previewRows", { recipe, ...wanted });
      const row = rows[0] ?? null;
      if (ask !== this.#asked) {
        return false;
      }
      this.error = null;
      this.note = row === null ? missing(search) : "";
      this.row = row ?? this.row;
      this.shownNumber = this.row?.number ?? 1;
      return row !== null;
    } catch (error) {
      const fault = toPlain(error);
      // A later question cancels this one.
      this.error = ask === this.#asked && fault.code !== "aborted" ? fault : this.error;
      return false;
    }
  }

  async #download(call: "downloadRows" | "downloadBadRows"): Promise<void> {
    try {
      const { blob, name } = await this.#client.call(call);
      downloadBlob(blob, name);
    } catch (error) {
      this.error = toPlain(error);
    }
  }
}

function missing(search: string): string {
  return search === "" ? "This is the last row." : `No further row has "${search}".`;
}

/** The row as a person edits it: its JSON, or what is there of one that could not be read. */
export function rowText({ row, fault }: PreviewedRow): string {
  return row === null ? (fault ?? "") : JSON.stringify(row, plainNumbers, 2);
}

/** Parquet has whole numbers of 64 bits. */
function plainNumbers(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
