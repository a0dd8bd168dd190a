// Work that may fail without harm to what follows it.

/**
 * Awaits the work and ignores its failure. Nothing is logged: an error's text can name a person's
 * files.
 * @param _why the reason why a failure does no harm, for readers of the call
 * @returns the result; undefined when the work failed
 */
export async function bestEffort<T>(
  _why: string,
  work: Promise<T> | undefined,
): Promise<T | undefined> {
  try {
    return await work;
  } catch {
    return undefined;
  }
}
