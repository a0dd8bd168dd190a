// A foreign value in a message.

const maxLength = 200;

/**
 * As JSON, cut where it is long. A value nested some thousand deep has none: JSON.stringify runs
 * out of stack on it.
 */
export function shownJson(value: unknown): string {
  const json = jsonOf(value) ?? "missing";
  return json.length > maxLength ? `${json.slice(0, maxLength)}...` : json;
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
