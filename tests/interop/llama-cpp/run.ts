// Runs checks.ts through Vite, which reads shaders; llama.cpp itself is loaded by Node.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import type { Sums } from "../python.ts";
import type { checkLlamaCpp } from "./checks.ts";
import { LlamaCpp } from "./runtime.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** @param out an empty folder @returns how many checks passed and failed */
export async function checkInLlamaCpp(out: string): Promise<Sums> {
  const server = await createServer({
    root,
    logLevel: "warn",
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
    ssr: { noExternal: [/^@tensorflow\//] }, // their modules import folders
  });
  // tfjs asks a module of Node for it, as if Node had called it.
  Object.assign(globalThis, { require: createRequire(import.meta.url) });
  const llama = await LlamaCpp.open();
  try {
    const checks = (await server.ssrLoadModule("/tests/interop/llama-cpp/checks.ts")) as {
      checkLlamaCpp: typeof checkLlamaCpp;
    };
    return await checks.checkLlamaCpp(out, llama);
  } finally {
    await llama.dispose();
    await server.close();
  }
}
