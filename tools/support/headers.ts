// Headers to serve the page with, as docs/hosting.md gives them for three servers.

/** @param ancestors origins whose pages may put this one into a frame, beside its own */
export function headersWith(ancestors: readonly string[]): Record<string, string> {
  return {
    // A page cannot set this one by itself: browsers ignore it in a <meta>.
    "Content-Security-Policy": ["frame-ancestors 'self'", ...ancestors].join(" "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
  };
}

/** Of a server on this machine, which only pages of this machine may frame. */
export const localHeaders = headersWith(["http://localhost:*", "http://127.0.0.1:*"]);
