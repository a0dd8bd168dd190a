// Creates the virtual environments of test:interop and test:fuzz, and runs checks in them; also
// runs as a script.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const isWindows = process.platform === "win32";
export const python = pythonIn(".venv");

/** How many checks passed and failed. */
export interface Sums {
  passed: number;
  failed: number;
}

/**
 * Installs the versions of a list, unless the environment has them.
 * @param folder of the environment, at the root
 * @returns its Python
 */
export function preparePython(
  folder = ".venv",
  list = fileURLToPath(new URL("requirements.txt", import.meta.url)),
): string {
  const requirements = readFileSync(list, "utf8").trim().split("\n");
  const command = pythonIn(folder);
  if (existsSync(command) && hasVersions(command, requirements)) {
    return command;
  }
  if (!existsSync(command)) {
    run(isWindows ? "python" : "python3", ["-m", "venv", join(root, folder)]);
  }
  // The first alone, so that no other package's requirement selects its version.
  const [first = "", ...others] = requirements;
  for (const group of [[first], others]) {
    run(command, ["-m", "pip", "install", "--quiet", ...group]);
  }
  return command;
}

/** Runs a script, offline, and prints its output without the last line, the sums. */
export function checkInPython(command: string, args: readonly string[]): Sums {
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  const sums = /^(\d+) passed, (\d+) failed$/m.exec(stdout);
  process.stdout.write(stdout.replace(sums?.[0] ?? "", "").trimEnd() + "\n");
  const [passed, failed] = [Number(sums?.[1] ?? 0), Number(sums?.[2] ?? 1)];
  return { passed, failed: status === 0 ? failed : Math.max(failed, 1) };
}

function pythonIn(folder: string): string {
  return join(root, folder, isWindows ? "Scripts/python.exe" : "bin/python");
}

function hasVersions(command: string, requirements: readonly string[]): boolean {
  const pairs = JSON.stringify(requirements.map((line) => line.replace(/\[.*\]/, "").split("==")));
  const script = `
import importlib.metadata, sys
for name, version in ${pairs}:
    if importlib.metadata.version(name).split("+")[0] != version:
        sys.exit(1)`;
  return spawnSync(command, ["-c", script]).status === 0;
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
