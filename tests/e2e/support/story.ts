// Fixtures of the stories: browsers on profiles with the page open, a small recipe, and the figures
// of an undisturbed run.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, type BrowserContext, type Page } from "@playwright/test";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { browserArguments, firstPage, openBrowser } from "../../../tools/support/browser.ts";
import { choose, download, EventLog } from "../../../tools/support/page.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";

export { expect } from "@playwright/test";

/** A step takes about a second on a software GPU. Dropout reveals a wrong random state. */
export const smallRecipe = {
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  targetModules: ["q_proj", "v_proj"],
  batchSize: 1,
  maxLength: 32,
  maxSteps: 6,
  heldOutRows: 2,
  evalSteps: 0,
  saveSteps: 2,
} satisfies Partial<Recipe>;

/** A browser process with the page open. */
export interface Visit {
  context: BrowserContext;
  page: Page;
  events: EventLog;
}

export interface VisitOptions {
  profile?: string;
  browserArguments?: readonly string[];
}

interface Stories {
  /** Folder of a new browser profile. */
  profile: string;
  /** Starts a browser on the profile and opens the page. */
  visit: (options?: VisitOptions) => Promise<Visit>;
}

/** Figures of one uninterrupted run of smallRecipe. */
export interface Undisturbed {
  steps: StepFigures[];
  /** SHA-256 of the file of the trained adapter. */
  adapterSha256: string;
  /** Path of the checkpoint file of step 4. */
  checkpoint: string;
}

interface Shared {
  undisturbed: Undisturbed;
}

export const test = base.extend<Stories, Shared>({
  // eslint-disable-next-line no-empty-pattern
  profile: async ({}, use) => {
    const folder = newFolder();
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
  visit: async ({ profile }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const visit = await openVisit({ profile, ...options });
      contexts.push(visit.context);
      return visit;
    });
    for (const context of contexts) {
      await context.close();
    }
  },
  undisturbed: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, { project }) => {
      const path = join(project.outputDir, "undisturbed.json");
      if (!existsSync(path)) {
        writeFileSync(path, JSON.stringify(await runUndisturbed(project.outputDir)));
      }
      await use(JSON.parse(readFileSync(path, "utf8")) as Undisturbed);
    },
    { scope: "worker", timeout: 300_000 },
  ],
});

async function openVisit({
  profile,
  browserArguments: args = browserArguments,
}: VisitOptions & { profile: string }): Promise<Visit> {
  const context = await openBrowser(profile, { args: [...args] });
  const page = await firstPage(context);
  return { context, page, events: await openPage(page) };
}

/** Opens the page in a tab and records its events. */
export async function openPage(page: Page): Promise<EventLog> {
  page.setDefaultTimeout(60_000);
  const events = await EventLog.attach(page);
  await page.goto(siteUrl());
  return events;
}

export function siteUrl(): string {
  return process.env["ANNEAL_URL"] ?? "";
}

/** Starts a run without samples, which would take as long as the steps. */
export async function start(page: Page, recipe: Partial<Recipe> = smallRecipe): Promise<void> {
  await choose(page, { recipe });
  await page.getByRole("tab", { name: "Samples" }).click();
  await page.getByLabel("Sample prompt").fill("");
  await page.getByRole("button", { name: "Start training" }).click();
}

export interface StepFigures {
  step: number;
  loss: number;
  gradNorm: number;
}

/** Loss and gradient norm of each step; the last ones of a repeated step. */
export function stepsOf(events: readonly SessionEvent[]): StepFigures[] {
  const figures = new Map<number, StepFigures>();
  for (const event of events) {
    if (event.kind === "step") {
      const { step, loss = NaN, gradNorm = NaN } = event.entry;
      figures.set(step, { step, loss, gradNorm });
    }
  }
  return [...figures.values()].sort((a, b) => a.step - b.step);
}

/** SHA-256 of the adapter file that the page offers for download. */
export async function adapterSha256(page: Page): Promise<string> {
  const folder = newFolder();
  const path = join(folder, "adapter_model.safetensors");
  await download(page, "adapter_model.safetensors", "link", path);
  const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
  rmSync(folder, { recursive: true });
  return hash;
}

async function runUndisturbed(folder: string): Promise<Undisturbed> {
  const profile = newFolder();
  const { context, page, events } = await openVisit({ profile });
  await start(page);
  await events.waitForEnd();
  const checkpoint = join(folder, "checkpoint-4.safetensors");
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await download(page, "Download step 4", "button", checkpoint);
  const undisturbed = {
    steps: stepsOf(events.all),
    adapterSha256: await adapterSha256(page),
    checkpoint,
  };
  await context.close();
  rmSync(profile, { recursive: true, force: true });
  return undisturbed;
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "anneal-story-"));
}
