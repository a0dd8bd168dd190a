// Milliseconds from the click on the demo's button to its first step, in new browser profiles, of a
// visitor who looks at the page first; both sides in turn, so that drift hits both.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright";
import { preview } from "vite";
import { firstPage, openBrowser } from "../../tools/support/browser.ts";
import { median } from "./median.ts";
import type { Result, Side, Sides } from "./sides.ts";

/** From the time that the button can be pressed until it is. */
const lookMs = 5000;

/** @param atLeast smallest ratio, before over now, by the median of the pairs */
export async function compareFirstStep(
  { now, before }: Sides,
  pairs: number,
  atLeast: number,
): Promise<Result> {
  const sites = new Map<Side, string>();
  const servers = [];
  for (const side of [now, before]) {
    const { status } = spawnSync("npx", ["vite", "build", "--logLevel", "error"], {
      cwd: side.root,
      stdio: "inherit",
    });
    if (status !== 0) {
      throw new Error(`${side.name}: the build failed with exit code ${String(status)}.`);
    }
    const server = await preview({
      root: side.root,
      logLevel: "error",
      preview: { port: 0, host: "127.0.0.1" },
    });
    servers.push(server);
    sites.set(side, server.resolvedUrls?.local[0] ?? "");
  }
  const all: { old: number; fresh: number }[] = [];
  for (let pair = 1; pair <= pairs; pair++) {
    const order = pair % 2 === 0 ? [now, before] : [before, now];
    const times = new Map<Side, number>();
    for (const side of order) {
      times.set(side, await firstStepOf(sites.get(side) ?? ""));
    }
    const [old, fresh] = [times.get(before) ?? NaN, times.get(now) ?? NaN];
    all.push({ old, fresh });
    console.log(
      `pair ${pair}: before ${old.toFixed(0)} ms to the first step, now ${fresh.toFixed(0)} ms`,
    );
  }
  await Promise.all(servers.map((server) => server.close()));
  const ratio = median(all.map(({ old, fresh }) => old / fresh));
  const [old, fresh] = [median(all.map((each) => each.old)), median(all.map((each) => each.fresh))];
  const words = `click to first step, before over now: ${ratio.toFixed(2)}; ${old.toFixed(0)} and ${fresh.toFixed(0)} ms (medians of ${pairs} pairs)`;
  return { name: words, fault: ratio >= atLeast ? null : `less than ${atLeast}` };
}

async function firstStepOf(url: string): Promise<number> {
  const profile = mkdtempSync(join(tmpdir(), "anneal-first-step-"));
  const context = await openBrowser(profile);
  try {
    const page = await firstPage(context);
    await page.addInitScript(noteTimes);
    await page.goto(url);
    const demo = page.locator("button:enabled", { hasText: "Train the demo" });
    await demo.waitFor({ timeout: 120_000 });
    await page.waitForTimeout(lookMs);
    await demo.click();
    return await waitForStep(page);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

interface Noted {
  noted: { clickMs: number; stepMs: number };
}

/** Runs in the page: its own clock has no delay of the driver's. */
function noteTimes(): void {
  const noted = { clickMs: NaN, stepMs: NaN };
  Object.assign(window, { noted });
  addEventListener("click", () => (noted.clickMs = performance.now()), true);
  addEventListener("anneal", (event) => {
    const { kind } = (event as CustomEvent<{ kind: string }>).detail;
    if (kind === "step" && Number.isNaN(noted.stepMs)) {
      noted.stepMs = performance.now();
    }
  });
}

async function waitForStep(page: Page): Promise<number> {
  const read = () =>
    (window as unknown as Noted).noted.stepMs - (window as unknown as Noted).noted.clickMs;
  await page.waitForFunction(
    () => !Number.isNaN((window as unknown as Noted).noted.stepMs),
    undefined,
    { timeout: 240_000 },
  );
  return await page.evaluate(read);
}
