// What the page may talk to: its own origin and the chosen hub. The browser itself refuses
// everything else, workers included.

export const defaultHub = "https://huggingface.co";
const key = "anneal-hub";
/**
 * Where huggingface.co and most mirrors send downloads on to, in many regions. Source: `lfsDomains`
 * and `cdnDomains` in huggingface.co/.well-known/meta.json.
 */
const downloadHosts = ["https://*.huggingface.co", "https://*.hf.co"];

export function chosenHub(): string {
  try {
    return hubAddress(localStorage.getItem(key) ?? "") ?? defaultHub;
  } catch {
    return defaultHub; // storage is blocked
  }
}

/**
 * Takes effect with the next load of the page: a policy can only be narrowed. @returns why it does
 * not, null when it does
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
 * With its path, where a server keeps a mirror beside other things, and no slash at its end.
 * @returns the usual hub for an empty text; null for what is no address, or one that a page must
 * not talk to unencrypted
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
  // There a path is a model's page, pasted by mistake.
  return url.origin === defaultHub ? defaultHub : (url.origin + url.pathname).replace(/\/+$/, "");
}

/** To be called before anything is fetched or a worker is started. */
export function limitConnections(): void {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = `connect-src ${connectSources(chosenHub()).join(" ")}`;
  document.head.append(meta);
}

/**
 * The policy goes for redirects as well. A hub on this machine may send downloads to another of its
 * ports.
 * @param hub what `hubAddress` gives
 */
export function connectSources(hub: string): string[] {
  const url = new URL(hub);
  return isLocal(url)
    ? ["'self'", `${url.protocol}//${url.hostname}:*`]
    : ["'self'", url.origin, ...downloadHosts];
}

function isLocal({ hostname }: URL): boolean {
  return hostname === "127.0.0.1" || hostname === "localhost";
}
