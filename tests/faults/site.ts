// Builds the test page like Anneal but with the kill-points, and serves it on one port for all
// sections: the port is part of the origin of the stored data.
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const root = fileURLToPath(new URL("page", import.meta.url));
/** The demo's model and data, for runs. */
const publicDir = fileURLToPath(new URL("../../public", import.meta.url));
const outDir = fileURLToPath(new URL("../../out/faults/page", import.meta.url));

const input = ["index.html", "run.html", "hub.html"].map((name) => `${root}/${name}`);

export interface Site {
  url: string;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const settings = {
    root,
    configFile: false,
    publicDir,
    mode: "faults",
    logLevel: "error",
    base: "./",
    worker: { format: "es" },
  } as const;
  await build({
    ...settings,
    build: { outDir, emptyOutDir: true, target: "es2023", rolldownOptions: { input } },
  });
  const server = await preview({
    ...settings,
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0 },
  });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) {
    throw new Error("The preview server has no address.");
  }
  return { url, close: () => server.close() };
}
