// What the page's address asks for: a model, data, a recipe, and whom to report a run to. Each is
// checked here; nothing of it is fetched or told before the person agrees.

export interface Asked {
  /** `org/name`, perhaps with a revision or a file. */
  model: string | null;
  /** Addresses of files, in ASCII: what is not is percent-encoded, or in Punycode. */
  data: string | null;
  recipe: string | null;
  /** Origin of the page around this one. */
  host: string | null;
  /** What is asked and cannot be, a sentence each. */
  refused: readonly string[];
}

/** Browsers and servers take this many; longer ones cannot be looked over before consent. */
const maxLength = 2000;
/** Of a name in the domain name system. */
const maxHostLength = 253;
/** Characters of a path that are shown. */
const shownPath = 80;

const modelPattern = /^[\w.-]+\/[\w.-]+(\/[\w.+-]+)?(@[\w./+-]+)?$/;
/** A name has 96, a revision 200. */
const maxModelLength = 400;

/** Reads the query of an address, such as `?model=org/name&data=https://example.org/rows.jsonl`. */
export function readAsked(query: string): Asked {
  const given = new URLSearchParams(query);
  const refused: string[] = [];
  const read = (name: string, parse: (text: string) => string | null, wanted: string) => {
    const [text, ...others] = given.getAll(name);
    if (text === undefined || text === "") {
      return null;
    }
    const isLong = text.length > maxLength;
    const value = others.length > 0 || isLong ? null : parse(text.trim());
    if (value === null) {
      const tooLong = isLong ? `it has more than ${maxLength} characters` : wanted;
      refused.push(`${name} is not used: ${others.length > 0 ? "it is given twice" : tooLong}.`);
    }
    return value;
  };
  const file = "it has to be the address of a file, with https, or on this machine with http";
  return {
    model: read("model", modelOf, "it has to be a name like org/name"),
    data: read("data", addressOf, file),
    recipe: read("recipe", addressOf, file),
    host: read("host", originOf, "it has to be an origin, such as https://example.org"),
    refused,
  };
}

/** Whether anything is asked that needs a connection. */
export function asksForFiles({ model, data, recipe }: Asked): boolean {
  return model !== null || data !== null || recipe !== null;
}

/**
 * An address for the eye: the whole origin, which says who is asked, and the path, cut in the
 * middle, so that its end stays in sight.
 */
export function shownAddress(address: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(address);
  const path = pathname + search;
  const half = shownPath / 2;
  const cut = `${path.slice(0, half)}…${path.slice(1 - half)}`;
  return { origin, path: path.length > shownPath ? cut : path };
}

function modelOf(text: string): string | null {
  return modelPattern.test(text) && text.length <= maxModelLength ? text : null;
}

/** A path that ends with a slash names no file, and a policy would allow all below it. */
function addressOf(text: string): string | null {
  const url = safeUrl(text);
  if (url === null || url.pathname.endsWith("/")) {
    return null;
  }
  url.hash = "";
  return url.href.length <= maxLength ? url.href : null;
}

/** An origin alone: a path would promise a narrower receiver than a browser can address. */
function originOf(text: string): string | null {
  const url = safeUrl(text);
  return url !== null && [url.origin, `${url.origin}/`].includes(text) ? url.origin : null;
}

function safeUrl(text: string): URL | null {
  const url = URL.parse(text);
  const isPlain = url?.username === "" && url.password === "";
  if (url === null || !isPlain || url.hostname.length > maxHostLength) {
    return null;
  }
  const isHere = url.hostname === "localhost" || url.hostname === "127.0.0.1";
  return url.protocol === "https:" || (url.protocol === "http:" && isHere) ? url : null;
}
