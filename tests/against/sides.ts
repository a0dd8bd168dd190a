// Two checkouts of the repository, and runs of each one's own `npm run demo`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A checkout, ready for `npm run demo`. */
export interface Side {
  name: "now" | "before";
  root: string;
}

export interface Sides {
  now: Side;
  before: Side;
}

/** What was compared; `fault` says how the two differ, null where they do not. */
export interface Result {
  name: string;
  fault: string | null;
}

export const here: Side = {
  name: "now",
  root: fileURLToPath(new URL("../..", import.meta.url)),
};
export const outFolder = join(here.root, "out", "against");

/** The older side: a work tree of the revision, made once. @throws Error where git or npm fails */
export function checkOut(revision: string): Side {
  const root = join(outFolder, `tree-${revision.replaceAll("/", "-")}`);
  if (!existsSync(root)) {
    call("git", ["worktree", "add", "--detach", root, revision], here.root);
  }
  if (!existsSync(join(root, "node_modules"))) {
    const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
    if (lock(root) === lock(here.root)) {
      symlinkSync(join(here.root, "node_modules"), join(root, "node_modules"));
    } else {
      call("npm", ["ci"], root);
    }
  }
  return { name: "before", root };
}

function call(command: string, args: string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed with exit code ${String(status)}.`);
  }
}

export interface DemoRun {
  /** The JSON object that the command ends with. */
  summary: Record<string, unknown>;
  /** Moments at which steps were printed, in ms. */
  stepTimesMs: number[];
}

/** Trains by the side's own command. @throws Error with what it printed last */
export async function runDemo(side: Side, args: readonly string[]): Promise<DemoRun> {
  const child = spawn("npm", ["run", "--silent", "demo", "--", ...args], {
    cwd: side.root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const stepTimesMs: number[] = [];
  let last = "";
  for await (const line of createInterface({ input: child.stdout })) {
    if (/^step \d+ of /.test(line)) {
      stepTimesMs.push(performance.now());
    }
    last = line;
  }
  const [code] = (await closed) as [number | null];
  if (code !== 0) {
    throw new Error(`${side.name}: the demo ended with exit code ${String(code)}: ${last}`);
  }
  return { summary: JSON.parse(last) as Record<string, unknown>, stepTimesMs };
}
