// A crash of the GPU process during a run: the first is recovered at once, a second within two
// minutes after a countdown.
import type { SessionEvent } from "../../../src/session/protocol.ts";
import { crashGpu } from "../support/faults.ts";
import { expect, start, stepsOf, test } from "../support/story.ts";

test("a run recovers to the same losses when the GPU process crashes", async ({
  visit,
  undisturbed,
}) => {
  const { context, page, events } = await visit();
  await start(page);
  await events.waitForStep(3);
  await crashGpu(context);
  await events.wait("recovery", isRecovering);
  await events.waitForEnd();
  expect(stepsOf(events.all)).toEqual(undisturbed.steps);
  expect(events.of("rebuilt").map(({ reason }) => reason)).toEqual(["device-lost"]);

  await page.getByRole("tab", { name: "Log" }).click();
  const log = page.getByRole("tabpanel", { name: "Log" });
  await expect(log).toContainText(/The GPU process stopped.*safe at step [24]/);
  await expect(log).toContainText(/Rebuilt the device at step [24].*\(the device was lost\)/);
});

test("a second GPU crash within two minutes is explained and counted down, and the run can be stopped", async ({
  visit,
}) => {
  const { context, page, events } = await visit();
  await start(page);
  // the save of step 2, which follows the event of the step
  await events.wait("a save", ({ kind }) => kind === "saved");
  await crashGpu(context);
  await events.wait("the rebuilt device", ({ kind }) => kind === "rebuilt");
  await crashGpu(context);
  await events.wait("the block", (event) => isRecovering(event) && isBlocked(event));

  const run = page.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("stopped twice within two minutes");
  // Step 2, or 4 where the crash came late.
  const { step } = events.of("saved").at(-1)!.checkpoint;
  await expect(run.getByRole("alert")).toContainText(`safe at step ${step}.`);
  await expect(run).toContainText(/Resuming in 1[012]\d s/);
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(page.getByRole("tabpanel", { name: "Checkpoints" })).toContainText(
    `step ${step} of 6`,
  );

  await page.getByRole("button", { name: /^Stop/ }).click();
  await events.wait("the stop", (event) => event.kind === "run" && isOver(event.phase.name));
  await expect(run).toContainText(`step ${step}`);
  await expect(page.getByRole("button", { name: `Resume step ${step}` })).toBeEnabled();
});

function isRecovering(event: SessionEvent): boolean {
  return event.kind === "run" && event.phase.name === "recovering";
}

function isBlocked(event: SessionEvent): boolean {
  return (
    event.kind === "run" &&
    event.phase.name === "recovering" &&
    event.phase.error.code === "device-lost-twice"
  );
}

function isOver(phase: string): boolean {
  return ["paused", "done", "failed"].includes(phase);
}
