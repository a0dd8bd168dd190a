// Memory of a run: the device and the browser's GPU process do not grow after the first steps.
import { processesOf, residentBytes } from "../../support/process-memory.ts";
import { expect, smallRecipe, start, test } from "../support/story.ts";

const steps = 300;
const warmUpSteps = 40;

test("the memory of the GPU process is flat over 300 steps", async ({ visit }) => {
  test.skip(process.platform !== "linux", "process memory is read from /proc");
  const { context, page, events } = await visit();
  const browser = context.browser()!;
  const [pid = 0] = await processesOf(browser, "GPU");
  await start(page, { ...smallRecipe, maxSteps: steps, saveSteps: 100 });
  const seen: number[] = [];
  for (let step = warmUpSteps; step <= steps; step += 20) {
    await events.waitForStep(step);
    seen.push(residentBytes(pid));
  }
  await events.waitForEnd();
  expect(await processesOf(browser, "GPU")).toEqual([pid]);
  const [first = 0] = seen;
  expect(first).toBeGreaterThan(0);
  expect(Math.max(...seen) / first).toBeLessThan(1.05);

  const deviceBytes = events.of("step").map(({ allocatedBytes }) => allocatedBytes);
  expect(deviceBytes).toHaveLength(steps);
  expect(new Set(deviceBytes).size).toBe(1);
  const [{ plannedBytes, allocatedBytes } = { plannedBytes: 0, allocatedBytes: 1 }] =
    events.of("step");
  expect(Math.abs(plannedBytes / allocatedBytes - 1)).toBeLessThan(0.01);
});
