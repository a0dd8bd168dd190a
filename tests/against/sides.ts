// Two checkouts of the repository, and runs of each one's own `npm run demo`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { againstFolder, checkOutOlder } from "../../tools/support/older-tree.ts";

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
export const outFolder = againstFolder;

/** The older side: a work tree of the revision, made once. @throws Error where git or npm fails */
export function checkOut(revision: string): Side {
  return { name: "before", root: checkOutOlder(revision) };
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
