// The columns of a CSV file, from its header.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

export interface CsvHeader {
  /** Name by position; undefined for a position that is no column. */
  readonly names: readonly (string | undefined)[];
  /** Set when a column is left out. */
  readonly note?: string;
}

/**
 * Names are trimmed. A first column without a name is the index that pandas writes; columns
 * without a name at the end are empty.
 * @throws UserError "bad-row" for a nameless column between others, and for equal names
 */
export function parseHeader(fields: readonly string[], line: number, fileName: string): CsvHeader {
  const trimmed = fields.map((field) => field.trim());
  const last = trimmed.findLastIndex((name) => name !== "");
  const names = trimmed.map((name) => (name === "" ? undefined : name));
  const nameless = names.findIndex((name, i) => name === undefined && i > 0 && i < last);
  const repeated = trimmed.find((name, i) => name !== "" && trimmed.indexOf(name) < i);
  const fault =
    last === -1
      ? "no column has a name"
      : nameless !== -1
        ? `column ${nameless + 1} has no name`
        : repeated === undefined
          ? undefined
          : `the column name ${shortJson(repeated)} appears twice`;
  if (fault !== undefined) {
    throw headerFault(fault, line, fileName);
  }
  return names[0] === undefined
    ? { names, note: "The first column has no name: it is taken for row numbers and left out." }
    : { names };
}

export function headerFault(fault: string, line: number, fileName: string): UserError {
  return new UserError("bad-row", `The header is broken: ${fault}. Nothing was loaded.`, {
    where: `${fileName}, line ${line}`,
    remedy: "Give every column a unique name in the first line, then load the file again.",
  });
}
