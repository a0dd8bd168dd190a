// Asks transformers whether merged folders of every architecture act as in Anneal (check.py).
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inVite } from "../in-vite.ts";
import { checkInPython, type Sums } from "../python.ts";
import type { writeMerged } from "./write.ts";

const script = fileURLToPath(new URL("check.py", import.meta.url));

/** @param out an empty folder */
export async function checkMerged(python: string, out: string): Promise<Sums> {
  mkdirSync(out, { recursive: true });
  const subjects = await inVite(
    "/tests/interop/merged/write.ts",
    async (module: { writeMerged: typeof writeMerged }) => await module.writeMerged(out),
  );
  return checkInPython(python, [script, subjects]);
}
