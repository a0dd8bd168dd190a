// Never grows: the bytes of the device and of the browser's GPU process stay where the first steps put them.
import { readFileSync } from "node:fs";
import type { BrowserContext } from "@playwright/test";
import { expect, smallRecipe, start, test } from "./story.ts";

const steps = 300;
const warmUpSteps = 40;

test("300 steps leave the memory of the GPU process where it was", async ({ visit }) => {
  test.skip(process.platform !== "linux", "process memory is read from /proc");
  const { context, page, events } = await visit();
  const pid = await gpuProcess(context);
  await start(page, { ...smallRecipe, maxSteps: steps, saveSteps: 100 });
  const residentBytes: number[] = [];
  for (let step = warmUpSteps; step <= steps; step += 20) {
    await events.waitForStep(step);
    residentBytes.push(residentBytesOf(pid));
  }
  await events.waitForEnd();
  expect(await gpuProcess(context)).toBe(pid);
  const [first = 0] = residentBytes;
  expect(first).toBeGreaterThan(0);
  expect(Math.max(...residentBytes) / first).toBeLessThan(1.05);

  const deviceBytes = events.of("step").map(({ allocatedBytes }) => allocatedBytes);
  expect(deviceBytes).toHaveLength(steps);
  expect(new Set(deviceBytes).size).toBe(1);
  const [{ plannedBytes, allocatedBytes } = { plannedBytes: 0, allocatedBytes: 1 }] =
    events.of("step");
  expect(Math.abs(plannedBytes / allocatedBytes - 1)).toBeLessThan(0.01);
});

async function gpuProcess(context: BrowserContext): Promise<number> {
  const session = await context.browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.find(({ type }) => type === "GPU")?.id ?? 0;
}

function residentBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
