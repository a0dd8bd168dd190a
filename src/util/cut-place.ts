// Where a long text is best cut: at a blank line, a line end or a space, in this order.

/**
 * Index behind `begin`, at most `limit`. A boundary counts in the second half only, so that no part
 * is short for its sake. Blank lines and line ends stay with the text before them, a space with the
 * word behind it, as tokenizers have it. No surrogate pair is cut.
 * @param limit within the text, behind `begin`
 */
export function cutPlace(text: string, begin: number, limit: number): number {
  const least = begin + Math.ceil((limit - begin) / 2);
  // A slice, since a search for what is not there would go through all of the text.
  const part = text.slice(begin, limit + 1);
  const most = limit - begin;
  const blank = begin + part.lastIndexOf("\n\n", most - 2) + 2;
  const line = begin + part.lastIndexOf("\n", most - 1) + 1;
  const found = [blank, line, begin + spaceIn(part, most)].find(
    (place) => place >= least && place <= limit,
  );
  return found ?? wholeCharacter(text, begin, limit);
}

/** The last place up to `most` that a space follows; 0 for none. */
function spaceIn(part: string, most: number): number {
  let place = most;
  while (place > 0 && !/\s/.test(part.charAt(place))) {
    place--;
  }
  return place;
}

function wholeCharacter(text: string, begin: number, limit: number): number {
  const isCut = /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(limit - 1, limit + 1));
  if (!isCut) {
    return limit;
  }
  return limit - 1 > begin ? limit - 1 : limit + 1;
}
