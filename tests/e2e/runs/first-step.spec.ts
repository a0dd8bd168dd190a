// The first step comes before the base model's sample and loss; the visitor reads that sample while
// it is made, or skips it.
import type { Page } from "@playwright/test";
import { choose } from "../../../tools/support/page.ts";
import { expect, smallRecipe, test } from "../support/story.ts";

const recipe = { ...smallRecipe, batchSize: 2, maxSteps: 3 };

/** Every text that the page shows of the answer and of the run's line, in order. */
async function watchTexts(
  page: Page,
): Promise<() => Promise<{ answers: string[]; lines: string[] }>> {
  await page.evaluate(() => {
    const seen = { answers: [] as string[], lines: [] as string[] };
    Object.assign(window, { seen });
    const note = (texts: string[], selector: string) => {
      const text = document.querySelector(selector)?.textContent.trim() ?? "";
      if (text !== texts.at(-1)) {
        texts.push(text);
      }
    };
    new MutationObserver(() => {
      note(seen.answers, "[aria-label='Before training'] [aria-busy='true']");
      note(seen.lines, "[aria-label='Run']");
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () =>
    page.evaluate(
      () => (window as unknown as { seen: { answers: string[]; lines: string[] } }).seen,
    );
}

test("the base model answers after the first step, word by word", async ({ visit }) => {
  const { page, events } = await visit();
  await choose(page, { recipe });
  const texts = await watchTexts(page);
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForEnd();

  const order = events.all
    .map(({ kind }) => kind)
    .filter((kind) => ["step", "evaluated", "sample"].includes(kind));
  expect(order).toEqual(["step", "sample", "evaluated", "step", "step", "evaluated", "sample"]);
  const { answers, lines } = await texts();
  const pieces = answers.filter((text) => text !== "");
  expect(pieces.length).toBeGreaterThan(3);
  expect(pieces.at(-1)?.startsWith(pieces[0]!)).toBe(true);
  for (const words of [/Compiling the kernels, \d+ of \d+/, "Sampling before training"]) {
    expect(lines.join("\n")).toMatch(words);
  }
  await expect(page.getByRole("region", { name: "Before training" })).toContainText(/[a-z]{2}/);
});

test("a sample is skipped: the run goes on, and what was said stands there", async ({ visit }) => {
  const { page, events } = await visit();
  await choose(page, { recipe });
  await page.getByRole("button", { name: "Start training" }).click();
  await page.getByRole("button", { name: "Skip" }).click();
  await events.waitForEnd();
  const [before, after] = events.of("sample");
  expect(before).toMatchObject({ which: "before", isSkipped: true });
  expect(after).toMatchObject({ which: "after", isSkipped: false });
  await expect(page.getByRole("region", { name: "Before training" })).toContainText("Skipped");
  expect(events.of("step")).toHaveLength(3);
});
