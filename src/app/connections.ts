// Connections of the page: only its own origin, the chosen hub, and files that the visitor has just
// allowed by their addresses. The browser refuses all others, to workers too.

export const defaultHub = "https://huggingface.co";
const key = "anneal-hub";
/**
 * Hosts to which huggingface.co and most mirrors redirect downloads. Source: `lfsDomains` and
 * `cdnDomains` in huggingface.co/.well-known/meta.json.
 */
const downloadHosts = ["https://*.huggingface.co", "https://*.hf.co"];

/** @returns the stored hub address, or the default hub */
export function chosenHub(): string {
  try {
    return hubAddress(localStorage.getItem(key) ?? "") ?? defaultHub;
  } catch {
    return defaultHub; // storage is blocked
  }
}

/**
 * Stores the hub address and reloads the page: a policy in force can only be narrowed. @returns an
 * error message, or null
 */
export function chooseHub(typed: string): string | null {
  const address = hubAddress(typed);
  if (address === null) {
    return `This is not a hub address: write it like ${defaultHub}.`;
  }
  try {
    localStorage.setItem(key, address);
  } catch {
    return "This browser blocks site data, so the address cannot be stored. Allow site data, then try again.";
  }
  location.reload();
  return null;
}

/**
 * Normalises a typed hub address: origin and path, without a slash at the end. @returns the default
 * hub for empty text; null for an invalid address or plain http to another machine
 */
export function hubAddress(typed: string): string | null {
  if (typed.trim() === "") {
    return defaultHub;
  }
  const url = URL.parse(typed.trim());
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLocal(url));
  if (url === null || !isSafe) {
    return null;
  }
  // On the default hub a path is a model's page, pasted by mistake.
  return url.origin === defaultHub ? defaultHub : (url.origin + url.pathname).replace(/\/+$/, "");
}

/**
 * Sets the policy of the page. Must be called before any fetch and any worker.
 * @param allowed addresses of files that the visitor has allowed
 */
export function limitConnections(allowed: readonly string[]): void {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  const sources = [...connectSources(chosenHub()), ...allowed.map(fileSource)];
  meta.content = `connect-src ${sources.join(" ")}`;
  document.head.append(meta);
}

/**
 * Sources of the policy, which covers redirects too. A hub on this machine may redirect downloads
 * to another port. @param hub as `hubAddress` returns it
 */
export function connectSources(hub: string): string[] {
  const url = new URL(hub);
  return isLocal(url)
    ? ["'self'", `${url.protocol}//${url.hostname}:*`]
    : ["'self'", url.origin, ...downloadHosts];
}

/** The source that matches this file alone; a query cannot be part of it. */
export function fileSource(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname.replaceAll(";", "%3B").replaceAll(",", "%2C");
}

function isLocal({ hostname }: URL): boolean {
  return hostname === "127.0.0.1" || hostname === "localhost";
}
