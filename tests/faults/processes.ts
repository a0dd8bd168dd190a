// The processes of one browser, found by its profile; Linux only, where they are in /proc.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

interface Process {
  pid: number;
  parent: number;
  arguments: string[];
}

/** Kills a browser: none of its processes can write any more. */
export function killBrowser(profile: string): void {
  for (const pid of browserProcesses(profile).map((process) => process.pid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended with its parent.
    }
  }
}

/**
 * Kills the GPU process, as the system does when memory is short. @returns false without one
 */
export function killGpuProcess(profile: string): boolean {
  const found = browserProcesses(profile).find((process) =>
    process.arguments.includes("--type=gpu-process"),
  );
  if (found !== undefined) {
    process.kill(found.pid, "SIGKILL");
  }
  return found !== undefined;
}

/** True while any process of the browser runs. */
export function isRunning(profile: string): boolean {
  return browserProcesses(profile).length > 0;
}

/** Peak resident memory of a process since `forgetPeak`, in bytes. */
export function peakBytes(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** Resets the peak to the current resident memory. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The root first, then its descendants. */
function browserProcesses(profile: string): Process[] {
  const all = allProcesses();
  const root = all.find(
    (process) =>
      process.arguments.includes(`--user-data-dir=${profile}`) &&
      !process.arguments.some((argument) => argument.startsWith("--type=")),
  );
  return root === undefined ? [] : [root, ...descendants(root.pid, all)];
}

function descendants(pid: number, all: readonly Process[]): Process[] {
  return all
    .filter(({ parent }) => parent === pid)
    .flatMap((child) => [child, ...descendants(child.pid, all)]);
}

function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/stat`, "utf8");
        // "pid (name) state parent ...", and a name may hold spaces and brackets.
        const [, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
        // Chromium replaces the zeros by spaces.
        const args = command.split(/[\0 ]+/);
        return [{ pid: Number(name), parent: Number(parent), arguments: args }];
      } catch {
        return []; // the process has ended
      }
    });
}
