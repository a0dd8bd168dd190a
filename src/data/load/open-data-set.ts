// Opens the files that a person chose as one data set: which are data, how their rows are read, and
// one pass over all rows that counts them.
import { UserError } from "../../util/errors.ts";
import { shownPath } from "../../util/shown-text.ts";
import { arrangeFiles, roleOf, type NamedFile } from "../files/arrange.ts";
import { openTable } from "../files/open-table.ts";
import { DataSet, type DataChoices, type FileFacts, type FileRole } from "./data-set.ts";
import { Edits } from "./edits.ts";
import type { OpenFile } from "./placed-rows.ts";
import { readingOf, sampleOf, surveyRows, type ReadProgress } from "./survey.ts";

/**
 * Opens data and reads all rows once.
 * @throws UserError "bad-row" or "empty-data" when nothing is usable, naming rows; "many-bad-rows"
 *   when more than a tenth is bad and the choices do not accept that; "unreadable-file"; the
 *   signal's AbortError
 */
export async function openDataSet(
  given: readonly NamedFile[],
  choices: DataChoices,
  progress: ReadProgress,
  signal?: AbortSignal,
): Promise<DataSet> {
  const arrangement = arrangeFiles(given);
  const files: (OpenFile & FileFacts)[] = [];
  // Training files first: held-out rows follow all others.
  for (const role of ["train", "heldOut", "test"] as const) {
    for (const file of arrangement[role]) {
      files.push(await openFile(file, role, choices, signal));
    }
  }
  const used = files.filter(({ role }) => role !== "test");
  noteOtherNames(used);
  refuseNone(used, given);
  const edits = new Edits(choices.edits ?? []);
  const sample = await sampleOf(used, signal);
  const reading = readingOf(sample, choices.reading);
  const survey = await surveyRows(used, edits, reading.reading, progress, signal);
  const names = used.map(({ path }) => path);
  survey.badRows.check(survey.rows, names, choices.acceptBadRows ?? false);
  const heldOutFrom = choices.heldOutFrom ?? survey.heldOutFrom;
  return new DataSet({ files, arrangement, reading, choices, survey: { ...survey, heldOutFrom } });
}

async function openFile(
  { path, blob }: NamedFile,
  role: FileRole,
  { tables, reading }: DataChoices,
  signal: AbortSignal | undefined,
): Promise<OpenFile & FileFacts> {
  const textRows = reading?.windows === true ? "whole" : "paragraphs";
  const table = await openTable({ name: path, blob }, { ...tables?.[path], textRows }, signal);
  const { kind, description, sheets } = table;
  const counts = { rows: 0, bad: 0, notes: [] };
  return { path, blob, table, role, sizeBytes: blob.size, kind, description, sheets, ...counts };
}

/** A test file or a held-out one is trained on where there is no other: that is said. */
function noteOtherNames(used: readonly FileFacts[]): void {
  for (const { path, role, notes } of used) {
    const named = roleOf(path);
    if (role === "train" && named !== undefined && named !== "train") {
      const use = named === "test" ? "a test" : "held-out rows";
      notes.push(
        `The name ${shownPath(path)} is that of ${use}; it is trained on, since no other file is there.`,
      );
    }
  }
}

function refuseNone(used: readonly FileFacts[], given: readonly NamedFile[]): void {
  if (!used.some(({ role }) => role === "train")) {
    const names = given.slice(0, 8).map(({ path }) => path);
    throw new UserError("empty-data", "No file with rows to train on was chosen.", {
      where: names.join(", "),
      remedy: "Choose a table or text: JSONL, JSON, CSV, Parquet, XLSX, TXT or MD.",
    });
  }
}
