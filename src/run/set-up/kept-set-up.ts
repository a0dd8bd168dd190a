// What a person set up, as it is kept for the next visit: plain data with a strict parser. Files
// are named here and stored beside it.
import {
  bool,
  integer,
  listOf,
  nullable,
  record,
  sha256,
  text,
  type Parser,
} from "../../checkpoint/file/parse.ts";
import { badCheckpoint } from "../../checkpoint/file/bad-checkpoint.ts";
import type { RowEdit } from "../../data/load/edits.ts";
import { isRecord } from "../../data/shapes/row/cell.ts";
import { parseReading } from "../../data/shapes/reading.ts";
import type { TableChoices } from "../../formats/table.ts";
import { parseRecipe } from "../../recipe/parse.ts";
import { defaultRecipe, type Recipe } from "../../recipe/recipe.ts";
import type { DataFiles } from "../events.ts";

/** A chosen file. One too large to keep has no `id`. */
export interface KeptFile {
  path: string;
  sizeBytes: number;
  /** As the file system says, in milliseconds since 1970. */
  modifiedAt: number;
  /** Its name in the storage. */
  id: string | null;
}

/** How chosen files are read. */
export type FileChoices = Omit<DataFiles, "kind" | "files">;

export interface KeptData {
  files: KeptFile[];
  choices: FileChoices;
  edits: RowEdit[];
}

export interface KeptSetUp {
  /** The stored model of this identity and format; null for the demo's. */
  model: { indexSha256: string; format: string; name: string } | null;
  /** Null for the demo's. */
  data: KeptData | null;
  recipe: Recipe;
  /** Null where it comes from the data. */
  samplePrompt: string | null;
  /** Files of the adapter to start from. */
  adapter: KeptFile[] | null;
}

const file = record<KeptFile>({
  path: text,
  sizeBytes: integer(0),
  modifiedAt: integer(0),
  id: nullable(text),
});

/** A parser of another floor, whose errors get the place. */
function at<T>(parse: (value: unknown) => T): Parser<T> {
  return (value, place) => {
    try {
      return parse(value);
    } catch (cause) {
      throw badCheckpoint((cause as Error).message, place, cause);
    }
  };
}

const encodings = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;

const encoding: Parser<(typeof encodings)[number]> = (value, place) => {
  const found = encodings.find((name) => name === value);
  if (found === undefined) {
    throw badCheckpoint(`This must be one of ${encodings.join(", ")}.`, place);
  }
  return found;
};

const tableChoices = record<object, TableChoices>({}, { encoding, sheet: text });

const tables: Parser<Record<string, TableChoices>> = (value, place) => {
  if (!isRecord(value)) {
    throw badCheckpoint("This must be an object.", place);
  }
  return Object.fromEntries(
    Object.entries(value).map(([path, choices]) => [path, tableChoices(choices, place)]),
  );
};

const row: Parser<Record<string, unknown>> = (value, place) => {
  if (!isRecord(value)) {
    throw badCheckpoint("This must be a row.", place);
  }
  return value;
};

const data = record<KeptData>({
  files: listOf(file),
  choices: record<object, FileChoices>(
    {},
    { reading: at(parseReading), tables, acceptBadRows: bool },
  ),
  edits: listOf(record<RowEdit>({ file: integer(0), line: integer(0), row: nullable(row) })),
});

/** @throws UserError "bad-checkpoint" naming the part that is none */
export const parseKeptSetUp: Parser<KeptSetUp> = record<KeptSetUp>({
  model: nullable(record({ indexSha256: sha256, format: text, name: text })),
  data: nullable(data),
  // Options that are newer than the kept recipe get their defaults.
  recipe: at((value) => parseRecipe(value, defaultRecipe)),
  samplePrompt: nullable(text),
  adapter: nullable(listOf(file)),
});
