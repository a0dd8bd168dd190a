// The data of the next run, the demo's or a person's own files, and what a saved run keeps of them.
import type { DataIdentity } from "../../checkpoint/file/run-state.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Example } from "../../data/example.ts";
import type { RowEdit } from "../../data/load/edits.ts";
import type { NamedFile } from "../../data/files/arrange.ts";
import { openDataSet } from "../../data/load/open-data-set.ts";
import { DataSet, type DataChoices } from "../../data/load/data-set.ts";
import type { ReadProgress } from "../../data/load/survey.ts";
import { writeUsableRows } from "../../data/load/write-jsonl.ts";
import { sha256OfBlob } from "../../util/blob-hash.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";

/** Rows of more bytes do not train in a tab in reasonable time. */
const maxDataBytes = 2 * 2 ** 30;
/** Smaller files are copied: they may be edited or deleted before the run is saved. */
const copiedBytes = 64 * 2 ** 20;

/** Data that a run can be resumed with: one file, and how to read it. */
export interface SavedData extends Pick<DataIdentity, "sha256" | "reading" | "heldOutFrom"> {
  blob: Blob;
}

export interface LoadedDataParts {
  source: "demo" | "files";
  name: string;
  set: DataSet;
  /** Of the content of the files, in order. */
  sha256: readonly string[];
  /** The data as a run keeps them, where they are known. */
  saved?: SavedData;
}

export class LoadedData {
  readonly source: LoadedDataParts["source"];
  readonly name: string;
  readonly set: DataSet;
  /** Equal keys are the same rows, read in the same way. */
  readonly key: string;
  readonly #sha256: readonly string[];
  readonly #isSavedForm: boolean;
  #saved: Promise<SavedData> | null;
  #found: { file: number; line: number; example: Example | null } | null = null;

  constructor({ source, name, set, sha256, saved }: LoadedDataParts) {
    this.source = source;
    this.name = name;
    this.set = set;
    this.#sha256 = sha256;
    this.#isSavedForm = saved !== undefined;
    this.#saved = saved === undefined ? null : Promise.resolve(saved);
    const { edits = [], tables = {} } = set.facts.choices;
    this.key = JSON.stringify([sha256, set.facts.reading.reading, edits, tables]);
  }

  /** Whether a run keeps the file itself: one, read as it was found. */
  get isPlain(): boolean {
    const { reading, edits = [], tables = {} } = this.set.facts.choices;
    const isChosen = reading !== undefined || edits.length > 0 || Object.keys(tables).length > 0;
    return this.set.files.length === 1 && !isChosen;
  }

  /**
   * The data as a run keeps them: the file itself where it is read as it was found, otherwise the
   * usable rows as JSON Lines.
   * @throws as `DataSet.rows`; the signal's AbortError
   */
  saved(signal?: AbortSignal): Promise<SavedData> {
    this.#saved ??= this.#save(signal).catch((error: unknown) => {
      this.#saved = null;
      throw error;
    });
    return this.#saved;
  }

  /** What a checkpoint keeps: hash, reading, and which lines of the saved data are held out. */
  async identityOf({ heldOut }: Dataset, signal?: AbortSignal): Promise<DataIdentity> {
    const { blob, ...saved } = await this.saved(signal);
    const isOwnFile = this.isPlain || this.#isSavedForm;
    const groups = Array.from(heldOut, (_, index) => index).filter(
      (index) => index === 0 || heldOut.groupOf(index) !== heldOut.groupOf(index - 1),
    );
    const lines = groups.map((index) => {
      const { line, source } = heldOut.at(index);
      return isOwnFile ? line : source + 1;
    });
    return {
      source: this.source === "demo" ? "demo" : "file",
      name: this.name,
      sizeBytes: blob.size,
      rows: this.set.usableRows,
      heldOutLines: lines,
      ...saved,
    };
  }

  /** Whether these are the data of a saved run. */
  async isOf({ sha256, reading }: DataIdentity, signal?: AbortSignal): Promise<boolean> {
    if (this.isPlain !== (reading === undefined) && !this.#isSavedForm) {
      return false;
    }
    return (await this.saved(signal)).sha256 === sha256;
  }

  /** The example at this place; the last one is remembered. */
  async find(file: number, line: number, signal?: AbortSignal): Promise<Example | null> {
    if (this.#found?.file !== file || this.#found.line !== line) {
      this.#found = { file, line, example: await this.set.find(file, line, signal) };
    }
    return this.#found.example;
  }

  /**
   * The same files with other edits.
   * @throws as `openDataSet`
   */
  async edited(
    edits: readonly RowEdit[],
    progress: ReadProgress,
    signal?: AbortSignal,
  ): Promise<LoadedData> {
    const choices = { ...this.set.facts.choices, edits, acceptBadRows: true };
    const { files, arrangement } = this.set.facts;
    const opened = await openDataSet(files, choices, progress, signal);
    // The files that were left out are not opened again, and stay named.
    const set = new DataSet({ ...opened.facts, arrangement });
    return new LoadedData({ source: this.source, name: this.name, set, sha256: this.#sha256 });
  }

  async #save(signal: AbortSignal | undefined): Promise<SavedData> {
    const [file] = this.set.files;
    const [sha256] = this.#sha256;
    if (this.isPlain && file !== undefined && sha256 !== undefined) {
      return { blob: file.blob, sha256 };
    }
    const written = await writeUsableRows(this.set, signal);
    const { heldOutFrom } = this.set.facts.survey;
    return {
      blob: written.blob,
      sha256: written.sha256,
      reading: this.set.reading,
      ...(heldOutFrom === null ? {} : { heldOutFrom }),
    };
  }
}

/**
 * Opens files as the data of the next run.
 * @throws UserError as `openDataSet`; "bad-row" for more than 2 GiB
 */
export async function openData(
  source: LoadedDataParts["source"],
  files: readonly NamedFile[],
  choices: DataChoices,
  progress: ReadProgress,
  signal?: AbortSignal,
): Promise<LoadedData> {
  refuseTooLarge(files);
  const copies = await Promise.all(files.map(copyOf));
  const set = await openDataSet(
    copies.map(({ file }) => file),
    choices,
    progress,
    signal,
  );
  const sha256: string[] = [];
  for (const { blob } of set.files) {
    const known = copies.find(({ file }) => file.blob === blob)?.sha256;
    sha256.push(known ?? (await sha256OfBlob(blob, signal)));
  }
  return new LoadedData({ source, name: nameOf(set), set, sha256 });
}

/**
 * Opens the data that a saved run has kept.
 * @throws UserError as `openDataSet`
 */
export async function openSavedData(
  { source, name, sha256, reading, heldOutFrom }: DataIdentity,
  blob: Blob,
  signal?: AbortSignal,
): Promise<LoadedData> {
  const path = reading === undefined ? name : `${name}.jsonl`;
  const choices: DataChoices = { acceptBadRows: true, reading, heldOutFrom };
  const set = await openDataSet([{ path, blob }], choices, () => undefined, signal);
  const saved = {
    blob,
    sha256,
    ...(reading === undefined ? {} : { reading }),
    ...(heldOutFrom === undefined ? {} : { heldOutFrom }),
  };
  return new LoadedData({
    source: source === "demo" ? "demo" : "files",
    name,
    set,
    sha256: [sha256],
    saved,
  });
}

async function copyOf({ path, blob }: NamedFile): Promise<{ file: NamedFile; sha256?: string }> {
  if (blob.size > copiedBytes) {
    return { file: { path, blob } };
  }
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return { file: { path, blob: new Blob([bytes]) }, sha256: await sha256Hex(bytes) };
}

function refuseTooLarge(files: readonly NamedFile[]): void {
  const size = files.reduce((sum, { blob }) => sum + blob.size, 0);
  if (size > maxDataBytes) {
    throw new UserError(
      "bad-row",
      `The data have ${formatBytes(size)}; the limit is ${formatBytes(maxDataBytes)}.`,
      {
        where: files.map(({ path }) => path).join(", "),
        remedy: "Choose a smaller file or a part of it.",
      },
    );
  }
}

/** The name of the file, or of the first and how many more. */
function nameOf({ files }: DataSet): string {
  const [first = "data", ...more] = files.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}
