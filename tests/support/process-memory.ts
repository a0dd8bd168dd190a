// Resident memory of the browser's processes. Linux only: reads /proc.
import { readFileSync } from "node:fs";
import type { Browser } from "playwright";

/** Resident now, and the most since the process started. */
type Figure = "VmRSS" | "VmHWM";

/** Ids of the browser's processes of one type, e.g. `GPU` or `renderer`. */
export async function processesOf(browser: Browser, type: string): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter((process) => process.type === type).map(({ id }) => id);
}

/** Resident bytes; 0 for a process that has ended. */
export function residentBytes(pid: number, figure: Figure = "VmRSS"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = new RegExp(`^${figure}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** Peak resident bytes of the largest page process and of the largest GPU process. */
export async function peakResidentBytes(
  browser: Browser,
): Promise<{ rendererBytes: number; gpuBytes: number }> {
  const peak = async (type: string) => {
    const pids = await processesOf(browser, type);
    return Math.max(0, ...pids.map((pid) => residentBytes(pid, "VmHWM")));
  };
  return { rendererBytes: await peak("renderer"), gpuBytes: await peak("GPU") };
}
