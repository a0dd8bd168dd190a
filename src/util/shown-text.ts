// Foreign text as a message or a list shows it: short, and without characters that act on the text
// around them instead of standing in it.

/** Long enough for every file name and for the gist of a sentence. */
const defaultLength = 200;

/**
 * Control characters, line separators, marks of direction (UAX 9), the byte order mark, and halves
 * of a surrogate pair. Joiners stay: scripts and emoji need them.
 */
const acting =
  /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;
const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * At most `length` characters, with "..." where it is cut; what acts on text as `\\u202e`. Shown
 * again, it stays the same.
 */
export function shownText(text: string, length = defaultLength): string {
  // Cut before as well, since a name may have a million characters.
  return cutEnd(withoutActing(text.slice(0, length + 1)), length);
}

/** As `shownText`, but cut in the middle, where both ends say something: of a path. */
export function shownPath(path: string, length = defaultLength): string {
  const ends = path.length <= 2 * length ? path : path.slice(0, length) + path.slice(-length);
  const shown = withoutActing(ends);
  if (shown.length <= length) {
    return shown;
  }
  const half = Math.floor((length - 3) / 2);
  return `${headOf(shown, half)}...${tailOf(shown, half)}`;
}

/**
 * As `shownText`, with line ends and tabs: of a message that has several lines.
 */
export function shownMessage(text: string, length: number): string {
  const shown = text.slice(0, length + 1).replace(acting, (mark) => {
    return mark === "\n" || mark === "\t" ? mark : escapeOf(mark);
  });
  return cutEnd(shown, length);
}

function withoutActing(text: string): string {
  return text.replace(acting, (mark) => named[mark] ?? escapeOf(mark));
}

function escapeOf(mark: string): string {
  return `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function cutEnd(text: string, length: number): string {
  return text.length > length ? `${headOf(text, length - 3)}...` : text;
}

/** The first characters, without half of the last one. */
function headOf(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}

/** The last characters, without half of the first one. */
function tailOf(text: string, length: number): string {
  return text.slice(-length).replace(/^[\udc00-\udfff]/, "");
}
