// Splits CSV records into fields, through Papa Parse.
import Papa from "papaparse";
import { invariant } from "../../../util/assert.ts";

/**
 * The fields of each record.
 * @param records whole records without broken quotes, none of them blank
 */
export function fieldsOf(records: readonly string[], delimiter: string): string[][] {
  if (records.length === 0) {
    return [];
  }
  const { data } = Papa.parse<string[]>(records.join("\n"), { delimiter, newline: "\n" });
  invariant(data.length === records.length, "Papa Parse sees as many records as were found");
  return data;
}
