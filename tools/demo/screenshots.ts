// Takes the screenshots of the README: the page before, during and after a run of the demo. With
// --all also own rows being checked, a run that got worse and a stopped one; each in three sizes,
// light and dark.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page, ViewportSize } from "playwright";
import type { Recipe } from "../../src/recipe/recipe.ts";
import { firstPage, openBrowser } from "../support/browser.ts";
import { choose, EventLog } from "../support/page.ts";
import { openSite } from "../support/site.ts";

const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "docs/screenshots" },
    steps: { type: "string", default: "60" },
    all: { type: "boolean", default: false },
  },
});

const sizes = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
  wide: { width: 2560, height: 1440 },
};
const timeoutMs = 3600_000;
const steps = Number(options.steps);

const site = await openSite({ rebuild: true });
const profile = mkdtempSync(join(tmpdir(), "anneal-"));
const context = await openBrowser(profile, { viewport: sizes.desktop });
try {
  mkdirSync(options.out, { recursive: true });
  const page = await firstPage(context);
  const events = await EventLog.attach(page);
  await page.goto(site.url);
  await choose(page, {});
  await take(page, "empty");
  await choose(page, { recipe: { maxSteps: steps, reloadEverySteps: 20 } });
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForStep(Math.round(steps * 0.7), timeoutMs);
  await take(page, "running");
  await events.waitForEnd(timeoutMs);
  await page.waitForTimeout(1500); // the page writes the files of the export
  await take(page, "done");
  if (options.all) {
    await takeOthers(page, events);
  }
} finally {
  await context.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true });
}

async function takeOthers(page: Page, events: EventLog): Promise<void> {
  const run = async (recipe: Partial<Recipe>, untilStep: number) => {
    const before = events.of("step").length;
    await choose(page, { recipe });
    await page.getByRole("button", { name: "Start training" }).click();
    await events.wait("a step", () => events.of("step").length >= before + untilStep, timeoutMs);
  };
  const spoiled = { learningRate: 1, alpha: 4096, warmupSteps: 0, dropout: 0 };
  await run({ ...spoiled, maxSteps: 10, evalSteps: 5, batchSize: 2 }, 10);
  await page.getByRole("heading", { name: /^Done/ }).waitFor();
  await page.waitForTimeout(1500);
  await take(page, "worse");
  await run({ maxSteps: 40, evalSteps: 5, learningRate: 2e-3 }, 12);
  await page.getByRole("button", { name: "Stop and save" }).first().click();
  await page.getByRole("heading", { name: /^Stopped/ }).waitFor();
  await page.waitForTimeout(1500);
  await take(page, "stopped");
  await page.getByLabel("Choose a data file").setInputFiles(faultyRows());
  await page.getByText("rows repeat").first().waitFor();
  await page.waitForTimeout(1500);
  await take(page, "checking");
}

/** 120 questions and answers, some twice and some with two answers. */
function faultyRows() {
  const rows = Array.from({ length: 120 }, (_, index) => {
    const shop = index % 100;
    const hour = index % 7 === 0 ? "noon" : "ten";
    return `Is shop ${shop} open on Sunday?,"Yes, from ${hour} to ${index % 110}."`;
  });
  const text = ["question,answer", ...rows, ...rows.slice(0, 12)].join("\n");
  return { name: "shops.csv", mimeType: "text/csv", buffer: Buffer.from(text) };
}

async function take(page: Page, state: string): Promise<void> {
  if (!options.all) {
    await shoot(page, sizes.desktop, `${state}.png`);
    return;
  }
  for (const [name, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await shoot(page, viewport, `${state}-${name}-${colorScheme}.png`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** The whole page in a window of its height: what sticks to the window's edge is at the page's. */
async function shoot(page: Page, viewport: ViewportSize, name: string): Promise<void> {
  await page.setViewportSize(viewport);
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ ...viewport, height: Math.max(viewport.height, whole) });
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(options.out, name), fullPage: true });
  await page.setViewportSize(sizes.desktop);
}
