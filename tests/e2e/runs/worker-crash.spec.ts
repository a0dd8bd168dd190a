// A crash of the session's worker during a run: the page reports it within five seconds and one
// button resumes from the checkpoint. A hanging worker looks the same to the page, but Playwright
// cannot close a browser that has one.
import type { Page } from "@playwright/test";
import { onProcessor } from "../support/faults.ts";
import { expect, smallRecipe, start, stepsOf, test } from "../support/story.ts";

const recipe = { ...smallRecipe, maxSteps: 40, saveSteps: 1 };

for (const [what, breakIt] of [
  ["closes", "self.close()"],
  ["throws", "setTimeout(() => { self.close(); throw new Error('injected') })"],
] as const) {
  test(`a worker that ${what} is reported and replaced, and the run resumes`, async ({ visit }) => {
    const { page, events } = await visit({ browserArguments: onProcessor });
    await start(page, recipe);
    await events.wait("a save", ({ kind }) => kind === "saved");
    void sessionWorker(page)
      .evaluate(breakIt)
      .catch(() => null); // no worker is left to answer
    const note = page
      .getByRole("region", { name: "Run", exact: true })
      .getByRole("alert")
      .filter({ hasText: "The engine stopped." });
    await expect(note).toBeVisible({ timeout: 6000 });
    const saved = events.of("saved").at(-1)!.checkpoint.step;
    await expect(note).toContainText(`The run is safe at step ${saved}.`);
    await note.getByRole("button", { name: `Restart and resume from step ${saved}` }).click();
    await events.waitForEnd();
    await expect(note).toBeHidden();
    expect(stepsOf(events.all).map(({ step }) => step)).toEqual(
      Array.from({ length: recipe.maxSteps }, (_, i) => i + 1),
    );
    expect(events.of("step").at(-1)?.entry.step).toBe(recipe.maxSteps);
  });
}

test("a replaced worker that cannot resume shows no model and no data as loaded", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  await start(page, recipe);
  await events.wait("a save", ({ kind }) => kind === "saved");
  await page.evaluate(() => {
    // holds the lock of another tab
    void navigator.locks.request("anneal-run", () => new Promise(() => undefined));
  });
  void sessionWorker(page)
    .evaluate("self.close()")
    .catch(() => null);
  await page.getByRole("button", { name: /^Restart and resume/ }).click();
  const run = page.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("in progress in another tab");
  await expect(run.getByRole("alert")).toBeInViewport();
  for (const title of ["Model", "Data"]) {
    await expect(page.getByRole("region", { name: title, exact: true })).toContainText("none yet");
  }
  await expect(page.getByText("Choose a model under 1.").first()).toBeVisible();
});

/** The first worker; those of chat templates start later. */
function sessionWorker(page: Page) {
  return page.workers()[0]!;
}
