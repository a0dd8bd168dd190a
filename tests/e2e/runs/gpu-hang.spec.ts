// The GPU stops answering without being lost: the page says so within seconds. When it comes back
// the run goes on to the same end by itself; one button starts the engine anew and goes on from the
// save.
import { processesOf } from "../../support/process-memory.ts";
import { adapterSha256, expect, start, stepsOf, test, type Visit } from "../support/story.ts";

/** More than `slackSeconds` of src/run/stall-watch.ts, ten small steps, and a busy machine. */
const toldMs = 40_000;

for (const answer of ["waits", "starts the engine anew"] as const) {
  test(`a GPU that hangs is told of, and a visitor who ${answer} gets the same end`, async ({
    visit,
    undisturbed,
  }) => {
    test.skip(process.platform !== "linux", "stops a process as Linux does");
    const opened = await visit();
    const { page, events } = opened;
    await start(page);
    await events.waitForStep(3);
    await whileGpuStops(opened, async () => {
      const steps = events.of("step").length;
      await events.wait("word of it", ({ kind }) => kind === "waiting", toldMs);
      const note = page
        .getByRole("region", { name: "Run", exact: true })
        .getByRole("alert")
        .filter({ hasText: "The engine is not responding." });
      await expect(note).toContainText(/The GPU has not answered for \d+ seconds/);
      await expect(note).toContainText(/The run is safe at step [24]/);
      expect(events.of("step").length - steps).toBeLessThan(2); // one may have been on its way
      if (answer !== "waits") {
        // Not a click: without a GPU the page draws nothing, which a click would wait for.
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

/** The GPU process of this browser gets no processor time until the work is done. */
async function whileGpuStops({ context }: Visit, work: () => Promise<void>): Promise<void> {
  const [pid] = await processesOf(context.browser()!, "GPU");
  process.kill(pid!, "SIGSTOP");
  try {
    await work();
  } finally {
    process.kill(pid!, "SIGCONT");
  }
}
