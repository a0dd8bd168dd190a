// Asks mlx-lm, on the CPU, whether the MLX adapters of six architectures act as in Anneal
// (check.py).
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeGoldenExports } from "../golden-exports.ts";
import { checkInPython, preparePython, type Sums } from "../python.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** @param out an empty folder */
export async function checkMlx(out: string): Promise<Sums> {
  const python = preparePython(".venv-mlx", join(here, "requirements.txt"));
  const subjects = await writeGoldenExports("mlx", out);
  return checkInPython(python, [join(here, "check.py"), subjects]);
}
