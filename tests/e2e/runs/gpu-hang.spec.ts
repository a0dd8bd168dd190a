// A GPU that stops answering without a device loss: the page says so within seconds. The run
// continues when the GPU answers again, or resumes from its checkpoint after a restart.
import { processesOf } from "../../support/process-memory.ts";
import { adapterSha256, expect, start, stepsOf, test, type Visit } from "../support/story.ts";

/** More than `slackSeconds` of src/run/stall-watch.ts and ten small steps, on a busy machine. */
const reportTimeoutMs = 40_000;

for (const answer of ["waits", "restarts the engine"] as const) {
  test(`a hanging GPU is reported, and a visitor who ${answer} gets the same losses and adapter`, async ({
    visit,
    undisturbed,
  }) => {
    test.skip(process.platform !== "linux", "stops a process with SIGSTOP");
    const opened = await visit();
    const { page, events } = opened;
    await start(page);
    await events.waitForStep(3);
    await whileGpuStops(opened, async () => {
      const steps = events.of("step").length;
      await events.wait(
        "the report of the stall",
        ({ kind }) => kind === "waiting",
        reportTimeoutMs,
      );
      const note = page
        .getByRole("region", { name: "Run", exact: true })
        .getByRole("alert")
        .filter({ hasText: "The engine is not responding." });
      await expect(note).toContainText(/The GPU has not answered for \d+ seconds/);
      await expect(note).toContainText(/The run is safe at step [24]/);
      expect(events.of("step").length - steps).toBeLessThan(2); // one may have been in transit
      if (answer !== "waits") {
        // Not click(), which waits for a frame: without a GPU the page draws none.
        await note
          .getByRole("button", { name: /^Restart and resume from step [24]/ })
          .dispatchEvent("click");
        await expect(note).toBeHidden();
      }
    });
    await events.waitForEnd();
    await expect(page.getByRole("alert")).toBeHidden();
    expect(events.of("waiting").map(({ fault }) => fault === null)).toEqual(
      answer === "waits" ? [false, true] : [false],
    );
    expect(events.of("rebuilt")).toEqual([]);
    expect(stepsOf(events.all)).toEqual(undisturbed.steps);
    expect(await adapterSha256(page)).toBe(undisturbed.adapterSha256);
  });
}

/** Stops the GPU process of this browser while `work` runs. */
async function whileGpuStops({ context }: Visit, work: () => Promise<void>): Promise<void> {
  const [pid] = await processesOf(context.browser()!, "GPU");
  process.kill(pid!, "SIGSTOP");
  try {
    await work();
  } finally {
    process.kill(pid!, "SIGCONT");
  }
}
