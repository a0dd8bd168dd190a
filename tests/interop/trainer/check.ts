// Lets transformers' Trainer go on from checkpoints of five architectures (check.py), runs the
// scripts for TRL (scripts.py), and bundles as one process and two (bundles.py), in the versions
// that the scripts ask for.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inVite } from "../in-vite.ts";
import { checkInPython, preparePython, type Sums } from "../python.ts";
import type { writeBundles } from "./bundles.ts";
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
  const bundles = await inVite(
    "/tests/interop/trainer/bundles.ts",
    async (module: { writeBundles: typeof writeBundles }) =>
      await module.writeBundles(join(out, "bundles")),
  );
  return [
    checkInPython(python, [join(here, "check.py"), checkpoints]),
    checkInPython(python, [join(here, "scripts.py"), scripts]),
    checkInPython(python, [join(here, "bundles.py"), bundles]),
  ];
}
