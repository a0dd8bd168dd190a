// Shows a foreign value in a message, as short JSON.
import { shownText } from "./shown-text.ts";

/**
 * The value as JSON of at most 200 characters. JSON.stringify runs out of stack on a value nested
 * thousands deep, which is shown in words.
 */
export function shortJson(value: unknown): string {
  return shownText(jsonOf(value) ?? "missing");
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) {
      return "a value nested too deep to show";
    }
    throw error;
  }
}
