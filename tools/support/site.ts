// Serves the production build on 127.0.0.1, as a static host does.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Site {
  url: string;
  close(): Promise<void>;
}

/** Builds when asked, or when no build exists, and serves on `port`; 0 picks a free one. */
export async function openSite({
  rebuild,
  port = 0,
}: {
  rebuild: boolean;
  port?: number;
}): Promise<Site> {
  if (rebuild || !existsSync(`${root}/dist/index.html`)) {
    await build({ root, logLevel: "error" });
  }
  const server = await preview({
    root,
    logLevel: "error",
    preview: { port, strictPort: port !== 0, host: "127.0.0.1" },
  });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) {
    throw new Error("vite preview reported no address.");
  }
  return { url, close: () => server.close() };
}
