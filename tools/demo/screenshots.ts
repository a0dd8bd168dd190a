// Takes the screenshots of the README: the page before, during and after a run of the demo; with
// --all also in dark and at phone width.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
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

const desktop = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };
const timeoutMs = 3600_000;

const site = await openSite({ rebuild: true });
const profile = mkdtempSync(join(tmpdir(), "anneal-"));
const context = await openBrowser(profile, { viewport: desktop });
try {
  mkdirSync(options.out, { recursive: true });
  const page = await firstPage(context);
  const events = await EventLog.attach(page);
  await page.goto(site.url);
  await choose(page, {});
  await take(page, "empty");
  const steps = Number(options.steps);
  await choose(page, { recipe: { maxSteps: steps, reloadEverySteps: 20 } });
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForStep(Math.round(steps * 0.7), timeoutMs);
  await take(page, "running");
  await events.waitForEnd(timeoutMs);
  await page.waitForTimeout(1500); // the page writes the files of the export
  await take(page, "done");
} finally {
  await context.close();
  await site.close();
  rmSync(profile, { recursive: true, force: true });
}

async function take(page: Page, state: string): Promise<void> {
  await page.screenshot({ path: join(options.out, `${state}.png`), fullPage: true });
  if (!options.all) {
    return;
  }
  for (const [name, viewport, colorScheme] of [
    ["dark", desktop, "dark"],
    ["phone", phone, "light"],
    ["phone-dark", phone, "dark"],
  ] as const) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(options.out, `${state}-${name}.png`), fullPage: true });
  }
  await page.setViewportSize(desktop);
  await page.emulateMedia({ colorScheme: "light" });
}
