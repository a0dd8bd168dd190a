// The error of an unusable checkpoint: always with its file and field.
import { UserError } from "../../util/errors.ts";

/**
 * @param message what is wrong, as a sentence
 * @param where file, with field or tensor
 */
export function badCheckpoint(message: string, where: string, cause?: unknown): UserError {
  return new UserError("bad-checkpoint", message, {
    where,
    remedy: "Choose an older checkpoint of the run, or another copy of the file.",
    cause,
  });
}
