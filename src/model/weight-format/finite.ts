// Finds infinities and NaN in numbers that are copied as bits.
import { UserError } from "../../util/errors.ts";
import type { ScaleType } from "./format.ts";

/** The exponent bits, all set in infinities and NaN. */
const exponents: Record<ScaleType, number> = { f16: 0x7c00, bf16: 0x7f80, f32: 0x7f800000 };

/**
 * @param patterns bits of numbers of a type, one in each element
 * @param what names the number at an index, e.g. "Row 3, column 7"
 * @throws UserError "wrong-dtype" for the first that is not finite
 */
export function requireFinite(
  patterns: Uint16Array | Uint32Array,
  type: ScaleType,
  where: string,
  what: (index: number) => string,
): void {
  const exponent = exponents[type];
  for (let i = 0; i < patterns.length; i++) {
    if (((patterns[i] ?? 0) & exponent) === exponent) {
      throw new UserError("wrong-dtype", `${what(i)} is not a finite number.`, {
        where,
        remedy: "Download the file again. If the error remains, use another model.",
      });
    }
  }
}
