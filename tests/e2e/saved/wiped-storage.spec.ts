// A kept model that vanishes under a run: the page says so, takes it again, and resumes.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import type { SessionEvent } from "../../../src/session/protocol.ts";
import { choose } from "../../../tools/support/page.ts";
import { adapterSha256, expect, smallRecipe, start, stepsOf, test } from "../support/story.ts";

const model = fileURLToPath(new URL("../../../public/demo/model/", import.meta.url));

test("a run whose stored model vanishes stops with what to do and resumes to the same bits once the model is chosen again", async ({
  visit,
}, testInfo) => {
  const { page, events } = await visit();
  await choose(page, { model });
  await start(page);
  await events.waitForEnd();
  const undisturbed = stepsOf(events.all);
  const adapter = await adapterSha256(page);
  const isSecond = secondRun(events.all.length);

  await start(page, { ...smallRecipe, reloadEverySteps: 2 });
  await events.wait("a step", (event) => isSecond(event) && event.kind === "step");
  await emptyFiles(page);
  const stopped = await events.wait(
    "the end of the run",
    (event) => event.kind === "run" && event.phase.name === "failed",
  );
  expect(stopped).toMatchObject({ phase: { error: { code: "missing-file" } } });
  const note = page.getByRole("alert").filter({ hasText: "The stored model is gone" });
  await expect(note).toContainText(
    /The stored model is gone: choose .+ under Model, then resume\./,
  );
  await page.screenshot({ path: testInfo.outputPath("gone.png") });

  const kept = page.getByRole("region", { name: "Models on this device" });
  await expect(kept).toHaveCount(0);
  const files = readdirSync(model).map((name) => join(model, name));
  await page.getByLabel("Choose files", { exact: true }).setInputFiles(files);
  await expect(kept).toContainText("own-model");
  await expect(page.getByText("Another tab stores")).toHaveCount(0);
  await page.getByRole("button", { name: /^Resume from step \d/ }).click();
  await events.wait(
    "the end of the run",
    (event) => isSecond(event) && event.kind === "run" && event.phase.name === "done",
  );
  expect(stepsOf(events.all.filter(isSecond))).toEqual(undisturbed);
  expect(await adapterSha256(page)).toBe(adapter);

  /** Whether an event came after the first `count`. */
  function secondRun(count: number): (event: SessionEvent) => boolean {
    return (event) => events.all.indexOf(event) >= count;
  }
});

/** As a person or the browser empties the page's own files; the database stays. */
async function emptyFiles(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const root = (await navigator.storage.getDirectory()) as FileSystemDirectoryHandle & {
      keys: () => AsyncIterable<string>;
    };
    for await (const name of root.keys()) {
      await root.removeEntry(name, { recursive: true });
    }
  });
}
