// Whether a row that a person looks at is held out.
import type { Example } from "./example.ts";
import type { TokenRows } from "./token-rows.ts";

export interface HeldOutUse {
  isHeldOut: boolean;
  /** Whole sentences. */
  notices: string[];
}

/**
 * Windows of a text are drawn one by one: a row of which some are held out is trained, and this is
 * said.
 * @param texts that the row becomes
 */
export function heldOutUse(heldOut: TokenRows, example: Example, texts: number): HeldOutUse {
  const count = heldOut.countOf(example);
  const hasWindows = example.kind === "text" && example.windows !== undefined;
  return hasWindows && count > 0 && count < texts
    ? { isHeldOut: false, notices: [`${count} of its ${texts} windows are held out.`] }
    : { isHeldOut: count > 0, notices: [] };
}
