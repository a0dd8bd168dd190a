// Errors in the arguments of the preview, and the JSON files that they name.
import { readFileSync } from "node:fs";

/** An error in the arguments, as one sentence. */
export class ArgumentError extends Error {}

/** @throws ArgumentError */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ArgumentError(
      `The file ${path} cannot be read (${(error as { code: string }).code}).`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ArgumentError(`The file ${path} is not JSON (${(error as Error).message}).`);
  }
}
