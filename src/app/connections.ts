// What the page may talk to: its own origin and the chosen hub. The browser itself refuses everything else, workers included.

export const defaultHub = "https://huggingface.co";
const key = "anneal-hub";
/** huggingface.co and most mirrors send downloads on to these. */
const downloadHosts = ["https://*.huggingface.co", "https://*.hf.co"];

export function chosenHub(): string {
  return originOf(localStorage.getItem(key)) ?? defaultHub;
}

/** Takes effect with the next load of the page: a policy can only be narrowed. @returns false when it is no address */
export function chooseHub(address: string): boolean {
  const origin = originOf(address.trim() === "" ? defaultHub : address);
  if (origin === null) {
    return false;
  }
  localStorage.setItem(key, origin);
  location.reload();
  return true;
}

/** To be called before anything is fetched or a worker is started. */
export function limitConnections(): void {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = `connect-src ${connectSources(chosenHub()).join(" ")}`;
  document.head.append(meta);
}

/** A hub on this machine may send downloads to another of its ports. */
export function connectSources(hub: string): string[] {
  const { hostname, protocol } = new URL(hub);
  const isLocal = hostname === "127.0.0.1" || hostname === "localhost";
  return isLocal ? ["'self'", `${protocol}//${hostname}:*`] : ["'self'", hub, ...downloadHosts];
}

function originOf(address: string | null): string | null {
  const url = address === null ? null : URL.parse(address.trim());
  return url?.protocol === "https:" || url?.protocol === "http:" ? url.origin : null;
}
