// Creates the virtual environment of test:interop and test:fuzz; also runs as a script.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const isWindows = process.platform === "win32";
export const python = join(root, ".venv", isWindows ? "Scripts/python.exe" : "bin/python");

/** Installs the versions of requirements.txt, unless the environment has them. */
export function preparePython(): void {
  const path = fileURLToPath(new URL("requirements.txt", import.meta.url));
  const requirements = readFileSync(path, "utf8").trim().split("\n");
  if (existsSync(python) && hasVersions(requirements)) {
    return;
  }
  if (!existsSync(python)) {
    run(isWindows ? "python" : "python3", ["-m", "venv", join(root, ".venv")]);
  }
  // torch first and alone, so that no other package's requirement selects its version.
  const [torch = "", ...others] = requirements;
  for (const group of [[torch], others]) {
    run(python, ["-m", "pip", "install", "--quiet", ...group]);
  }
}

function hasVersions(requirements: readonly string[]): boolean {
  const pairs = JSON.stringify(requirements.map((line) => line.split("==")));
  const script = `
import importlib.metadata, sys
for name, version in ${pairs}:
    if importlib.metadata.version(name).split("+")[0] != version:
        sys.exit(1)`;
  return spawnSync(python, ["-c", script]).status === 0;
}

function run(command: string, args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    const why = error?.message ?? `exit code ${status}`;
    throw new Error(`${command} ${args.join(" ")} failed: ${why}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  preparePython();
}
