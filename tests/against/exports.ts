// Each side's page imports what the other's exported: all runs in one archive, and one checkpoint.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright";
import { preview } from "vite";
import { browserArguments, findBrowser } from "../../tools/support/browser.ts";
import { outFolder, runDemo, type Result, type Side, type Sides } from "./sides.ts";

const steps = 3;
/** Where `npm run demo --profile` serves the page: saved runs belong to an origin. */
const demoPort = 4199;

interface Exported {
  archive: string;
  checkpoint: string;
}

export async function exchangeExports({ now, before }: Sides): Promise<Result[]> {
  const exported = { now: await exportRun(now), before: await exportRun(before) };
  const directions: [Side, Side][] = [
    [before, now],
    [now, before],
  ];
  const results: Result[] = [];
  for (const [from, to] of directions) {
    for (const kind of ["archive", "checkpoint"] as const) {
      const name = `the page of ${to.name} imports the ${kind} of ${from.name}`;
      results.push({ name, fault: await importFault(to, kind, exported[from.name]) });
    }
  }
  return results;
}

async function exportRun(side: Side): Promise<Exported> {
  const folder = join(outFolder, side.name, "exports");
  const profile = join(folder, "profile");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = ["--steps", String(steps), "--profile", profile, "--out", join(folder, "run")];
  await runDemo(side, args);
  return await withPage(side, profile, async (page) => {
    const files = {
      archive: join(folder, "runs.zip"),
      checkpoint: join(folder, "step.safetensors"),
    };
    await save(page, "Export all runs", files.archive);
    await save(page, `Download step ${steps}`, files.checkpoint);
    return files;
  });
}

/** Imports into an empty profile, and downloads the checkpoint again: it has the same bytes. */
async function importFault(
  side: Side,
  kind: keyof Exported,
  exported: Exported,
): Promise<string | null> {
  const profile = join(outFolder, side.name, "import-profile");
  rmSync(profile, { recursive: true, force: true });
  return await withPage(side, profile, async (page) => {
    const label = kind === "archive" ? "Import all runs" : "Import a checkpoint";
    await page.getByLabel(label, { exact: true }).setInputFiles(exported[kind]);
    const again = join(outFolder, side.name, "imported.safetensors");
    await save(page, `Download step ${steps}`, again);
    const isEqual = readFileSync(again).equals(readFileSync(exported.checkpoint));
    return isEqual ? null : "the checkpoint has other bytes after the import";
  });
}

async function save(page: Page, name: string, path: string): Promise<void> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name, exact: true }).click();
  await (await downloading).saveAs(path);
}

/** Opens the side's build, as `npm run demo` left it, at its list of checkpoints. */
async function withPage<T>(
  { root }: Side,
  profile: string,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const site = await preview({
    root,
    logLevel: "error",
    preview: { port: demoPort, strictPort: true, host: "127.0.0.1" },
  });
  let context: BrowserContext | null = null;
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: findBrowser(),
      args: [...browserArguments],
      acceptDownloads: true,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(120_000);
    await page.goto(`http://127.0.0.1:${demoPort}/`);
    await page.getByRole("tab", { name: "Checkpoints" }).click();
    return await work(page);
  } finally {
    await context?.close();
    await site.close();
  }
}
