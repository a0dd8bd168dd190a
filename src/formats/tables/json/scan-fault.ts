// The error of a JSON file whose brackets do not match, so that its rows cannot be told apart.
import { UserError } from "../../../util/errors.ts";
import type { ScanFault } from "./json-scan.ts";

/** Deeper than any row; JSON.parse takes it in every browser. */
export const maxJsonDepth = 1000;

const words: Readonly<Record<ScanFault, string>> = {
  bracket: "a bracket closes that was not opened",
  value: "a comma is missing between two values",
  depth: `brackets nest more than ${maxJsonDepth} deep`,
};

/** @param lines line ends before the fault */
export function scanFault(fault: ScanFault, lines: number, fileName: string): UserError {
  return new UserError("bad-row", `The file is not JSON: ${words[fault]}.`, {
    where: `${fileName}, line ${lines + 1}`,
    remedy: "Correct the file there, or save its rows as JSON Lines, one object on every line.",
  });
}
