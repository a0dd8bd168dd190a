// A page that is frozen, as browsers do with tabs in the background: it stands still and goes on to
// the same end without an alarm. Headless Chromium freezes none, whatever the DevTools protocol
// asks, so the page's processes get no time.
import { processesOf } from "../../support/process-memory.ts";
import { adapterSha256, expect, start, stepsOf, test } from "../support/story.ts";

/** Longer than a silent worker, or a silent GPU, is borne. */
const frozenMs = 12_000;

test("a page that is frozen for a while goes on to the same end", async ({
  visit,
  undisturbed,
}) => {
  test.skip(process.platform !== "linux", "stops processes as Linux does");
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

/** Page and worker stop in the middle of what they do; the GPU comes to the end of what it has. */
async function freeze(pids: readonly number[]): Promise<void> {
  pids.forEach((pid) => process.kill(pid, "SIGSTOP"));
  try {
    await new Promise((resolve) => setTimeout(resolve, frozenMs));
  } finally {
    pids.forEach((pid) => process.kill(pid, "SIGCONT"));
  }
}
