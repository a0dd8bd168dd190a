// Lets transformers' Trainer go on from checkpoints of five architectures (check.py), and runs the
// scripts for TRL (scripts.py), in the versions that the scripts ask for.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inVite } from "../in-vite.ts";
import { checkInPython, preparePython, type Sums } from "../python.ts";
import type { writeScripts } from "./scripts.ts";
import type { writeCheckpoints } from "./write.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** @param out an empty folder */
export async function checkTrainer(out: string): Promise<Sums[]> {
  const python = preparePython(".venv-trl", join(here, "requirements.txt"));
  mkdirSync(out, { recursive: true });
  const checkpoints = await inVite(
    "/tests/interop/trainer/write.ts",
    async (module: { writeCheckpoints: typeof writeCheckpoints }) =>
      await module.writeCheckpoints(join(out, "checkpoints")),
  );
  const scripts = await inVite(
    "/tests/interop/trainer/scripts.ts",
    async (module: { writeScripts: typeof writeScripts }) =>
      await module.writeScripts(join(out, "scripts")),
  );
  return [
    checkInPython(python, [join(here, "check.py"), checkpoints]),
    checkInPython(python, [join(here, "scripts.py"), scripts]),
  ];
}
