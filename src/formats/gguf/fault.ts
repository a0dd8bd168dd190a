// Errors of a GGUF file that breaks a rule of the format.
import { UserError } from "../../util/errors.ts";

/** Names in a broken file can have any length. */
const shownCharacters = 127;

export function badHeader(message: string, where: string): UserError {
  return new UserError("bad-header", message, {
    where,
    remedy: "Download the file again. If that does not help, ask its author.",
  });
}

export function cutOff(wantedEnd: number, sizeBytes: number, where: string): UserError {
  return badHeader(
    `The file is cut off: byte ${wantedEnd} is needed, but it has ${sizeBytes} bytes.`,
    where,
  );
}

/** A name as messages show it: quoted and cut. */
export function quoted(name: string): string {
  return JSON.stringify(name.slice(0, shownCharacters));
}
