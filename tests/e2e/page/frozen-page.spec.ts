// A frozen page, as browsers freeze background tabs: the run continues to the same result without
// an alert. Headless Chromium does not freeze pages, so SIGSTOP stops their processes.
import { processesOf } from "../../support/process-memory.ts";
import { adapterSha256, expect, start, stepsOf, test } from "../support/story.ts";

/** Longer than the timeouts for an unresponsive worker and an unresponsive GPU. */
const frozenMs = 12_000;

test("a run in a page frozen for 12 seconds continues to the same losses and adapter", async ({
  visit,
  undisturbed,
}) => {
  test.skip(process.platform !== "linux", "stops processes with SIGSTOP");
  const { context, page, events } = await visit();
  const pids = await processesOf(context.browser()!, "renderer");
  await start(page);
  await events.waitForStep(3);
  await freeze(pids);
  expect(events.of("step").length).toBeLessThan(undisturbed.steps.length);
  await expect(page.getByRole("alert")).toBeHidden();
  await events.waitForEnd();
  await expect(page.getByRole("alert")).toBeHidden();
  expect(events.of("waiting")).toEqual([]);
  expect(events.of("rebuilt")).toEqual([]);
  expect(stepsOf(events.all)).toEqual(undisturbed.steps);
  expect(await adapterSha256(page)).toBe(undisturbed.adapterSha256);
});

/** Stops page and worker at any instruction; the GPU process finishes the work it has. */
async function freeze(pids: readonly number[]): Promise<void> {
  pids.forEach((pid) => process.kill(pid, "SIGSTOP"));
  try {
    await new Promise((resolve) => setTimeout(resolve, frozenMs));
  } finally {
    pids.forEach((pid) => process.kill(pid, "SIGCONT"));
  }
}
