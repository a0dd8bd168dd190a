// The known name that a person probably meant, for messages about unknown ones.

/** Letters that may differ: a slip, not another word. */
const maxSlips = 2;
/** Beyond this no name is a slip of a known one. */
const maxLength = 64;

/**
 * The known name that equals the given one but for capitals and separators, or differs in at most
 * two letters; null when there is none.
 */
export function nearestName(given: string, known: Iterable<string>): string | null {
  const wanted = bare(given);
  let best: { name: string; slips: number } | null = null;
  for (const name of wanted.length > maxLength ? [] : known) {
    const slips = slipsBetween(wanted, bare(name));
    const isClose = slips <= Math.min(maxSlips, Math.floor(wanted.length / 3));
    if (isClose && slips < (best?.slips ?? Infinity)) {
      best = { name, slips };
    }
  }
  return best?.name ?? null;
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Levenshtein's distance, or a number above `maxSlips`. */
function slipsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > maxSlips) {
    return maxSlips + 1;
  }
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
