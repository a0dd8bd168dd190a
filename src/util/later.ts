// Code that comes when it is used: a part of the page or of its worker.
import { UserError } from "./errors.ts";

/**
 * Waits for an `import()`.
 * @throws UserError "network" where the file does not come, as after an update of the page
 */
export async function fetched<Module>(importing: Promise<Module>): Promise<Module> {
  try {
    return await importing;
  } catch (cause) {
    throw new UserError("network", "A part of Anneal could not be fetched.", {
      remedy: "Check the connection, then reload the page.",
      cause,
    });
  }
}

/** A function that makes its value at the first call, and again after a failure. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return async () => {
    made ??= make();
    try {
      return await made;
    } catch (error) {
      made = null;
      throw error;
    }
  };
}
