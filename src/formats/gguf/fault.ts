// What is said of a GGUF file that breaks a rule of the format.
import { UserError } from "../../util/errors.ts";

/** Names out of a broken file may be of any length. */
const shownCharacters = 127;

export function badHeader(message: string, where: string): UserError {
  return new UserError("bad-header", message, {
    where,
    remedy: "Download the file again; if it stays so, ask who made it.",
  });
}

export function cutOff(wantedEnd: number, sizeBytes: number, where: string): UserError {
  return badHeader(
    `The file is cut off: byte ${wantedEnd} is needed, but it has ${sizeBytes} bytes.`,
    where,
  );
}

/** A name as a message shows it. */
export function quoted(name: string): string {
  return JSON.stringify(name.slice(0, shownCharacters));
}
