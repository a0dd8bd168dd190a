// Each side's page imports what the other's exported: all runs in one archive, and one checkpoint.
// A page refuses a checkpoint of a newer schema than its own, and says so.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright";
import { preview } from "vite";
import { browserArguments, findBrowser } from "../../tools/support/browser.ts";
import { checkpointDifferences, schemaOf } from "./checkpoints.ts";
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
  const isNewer = await isNewerSchema(exported.now, exported.before);
  const directions: [Side, Side][] = [
    [before, now],
    [now, before],
  ];
  const results: Result[] = [];
  for (const [from, to] of directions) {
    for (const kind of ["archive", "checkpoint"] as const) {
      const refuses = isNewer && to.name === "before";
      const verb = refuses ? "refuses the newer" : "imports the";
      const name = `the page of ${to.name} ${verb} ${kind} of ${from.name}`;
      const faultOf = refuses ? refusalFault : importFault;
      results.push({ name, fault: await faultOf(to, kind, exported[from.name]) });
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

async function isNewerSchema(now: Exported, before: Exported): Promise<boolean> {
  return (await schemaOf(now.checkpoint)) > (await schemaOf(before.checkpoint));
}

/** Imports into an empty profile, and downloads the checkpoint again: it says the same. */
async function importFault(
  side: Side,
  kind: keyof Exported,
  exported: Exported,
): Promise<string | null> {
  return await withEmptyPage(side, async (page) => {
    await importInto(page, kind, exported);
    const again = join(outFolder, side.name, "imported.safetensors");
    await save(page, `Download step ${steps}`, again);
    if (readFileSync(again).equals(readFileSync(exported.checkpoint))) {
      return null;
    }
    const differences = await checkpointDifferences(exported.checkpoint, again);
    const isMigrated = (await schemaOf(again)) > (await schemaOf(exported.checkpoint));
    return isMigrated && differences.length === 0
      ? null
      : `the checkpoint differs after the import: ${differences.join(", ")}`;
  });
}

/** Imports a checkpoint of a newer schema: the page says that it is newer, and keeps nothing. */
async function refusalFault(
  side: Side,
  kind: keyof Exported,
  exported: Exported,
): Promise<string | null> {
  return await withEmptyPage(side, async (page) => {
    await importInto(page, kind, exported);
    // Versions have other words for it.
    await page
      .getByRole("alert")
      .filter({ hasText: /newer|schema/i })
      .first()
      .waitFor();
    const kept = await page.getByRole("button", { name: `Download step ${steps}` }).count();
    return kept === 0 ? null : "a checkpoint of a newer version is kept";
  });
}

async function importInto(page: Page, kind: keyof Exported, exported: Exported): Promise<void> {
  const label = kind === "archive" ? "Import all runs" : "Import a checkpoint";
  await page.getByLabel(label, { exact: true }).setInputFiles(exported[kind]);
}

async function withEmptyPage<T>(side: Side, work: (page: Page) => Promise<T>): Promise<T> {
  const profile = join(outFolder, side.name, "import-profile");
  rmSync(profile, { recursive: true, force: true });
  return await withPage(side, profile, work);
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
