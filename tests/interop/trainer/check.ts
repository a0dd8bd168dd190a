// Lets transformers' Trainer go on from checkpoints of five architectures (check.py).
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inVite } from "../in-vite.ts";
import { checkInPython, type Sums } from "../python.ts";
import type { writeCheckpoints } from "./write.ts";

const script = fileURLToPath(new URL("check.py", import.meta.url));

/** @param out an empty folder */
export async function checkTrainer(python: string, out: string): Promise<Sums> {
  mkdirSync(out, { recursive: true });
  const subjects = await inVite(
    "/tests/interop/trainer/write.ts",
    async (module: { writeCheckpoints: typeof writeCheckpoints }) =>
      await module.writeCheckpoints(out),
  );
  return checkInPython(python, [script, subjects]);
}
