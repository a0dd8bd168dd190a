// Checks our own logic. A failure is a bug in Anneal, never a fault of a file or a person: those
// are UserErrors (util/errors.ts).

/**
 * States a condition that the code below relies on.
 * @throws Error when the condition does not hold
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new Error(`Broken invariant: ${message}`);
  }
}

/**
 * Ends an exhaustive switch: it compiles only while every case is handled.
 * @throws Error always
 */
export function unreachable(value: never): never {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`);
}
