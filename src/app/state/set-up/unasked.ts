// Which models are loaded without a question: those on this device that fit as they are.
import type { ModelOffer } from "../../../session/protocol.ts";

/** Larger weights are offered in smaller formats before they are loaded. */
const largestUnaskedBytes = 1e9;

export function isLoadedUnasked({ formats, downloadBytes }: ModelOffer): boolean {
  const stored = formats.find(({ format }) => format === "stored");
  const isSmall = formats.length === 1 || (stored?.weightsBytes ?? 0) <= largestUnaskedBytes;
  return downloadBytes === 0 && stored?.fits === true && isSmall;
}
