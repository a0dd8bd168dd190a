// Loads a module of the source tree in Node through Vite, which reads shaders.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** @param module a path from the root, with a leading slash */
export async function inVite<Result>(
  module: string,
  use: (loaded: never) => Promise<Result>,
): Promise<Result> {
  const server = await createServer({
    root,
    logLevel: "warn",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
    ssr: { noExternal: [/^@tensorflow\//] }, // their modules import folders
  });
  // tfjs asks a module of Node for it, as if Node had called it.
  Object.assign(globalThis, { require: createRequire(import.meta.url) });
  try {
    return await use((await server.ssrLoadModule(module)) as never);
  } finally {
    await server.close();
  }
}
