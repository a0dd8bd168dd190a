// An older revision of the repository beside this checkout, for comparisons: a work tree under
// out/against/, made once.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where work trees and what is made from them go. */
export const againstFolder = join(root, "out", "against");

/** @returns the folder of its work tree @throws Error where git or npm fails */
export function checkOutOlder(revision: string): string {
  const tree = join(againstFolder, `tree-${revision.replaceAll("/", "-")}`);
  if (!existsSync(tree)) {
    call("git", ["worktree", "add", "--detach", tree, revision], root);
  }
  if (!existsSync(join(tree, "node_modules"))) {
    const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
    if (lock(tree) === lock(root)) {
      symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    } else {
      call("npm", ["ci"], tree);
    }
  }
  return tree;
}

function call(command: string, args: string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed with exit code ${String(status)}.`);
  }
}
