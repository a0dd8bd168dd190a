// Drives the page as a visitor does, by its buttons, file inputs and downloads, and records its
// events.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright";
import type { EngineName } from "../../src/engine/contract.ts";
import type { SessionEvent } from "../../src/session/protocol.ts";

export type EventOf<Kind extends SessionEvent["kind"]> = Extract<SessionEvent, { kind: Kind }>;

/** The events of a page since it opened, in order. */
export class EventLog {
  readonly all: SessionEvent[] = [];
  readonly #watchers = new Set<() => void>();

  /** Must be called before the page opens. */
  static async attach(page: Page): Promise<EventLog> {
    const log = new EventLog();
    await page.exposeFunction("annealEvent", (event: SessionEvent) => {
      log.all.push(event);
      log.#watchers.forEach((watcher) => {
        watcher();
      });
    });
    await page.addInitScript(() => {
      addEventListener("anneal", (event) => {
        const report = (globalThis as unknown as { annealEvent: (detail: unknown) => void })
          .annealEvent;
        report((event as CustomEvent).detail);
      });
    });
    return log;
  }

  of<Kind extends SessionEvent["kind"]>(kind: Kind): EventOf<Kind>[] {
    return this.all.filter((event): event is EventOf<Kind> => event.kind === kind);
  }

  /** Waits for the first matching event, past or future. @param what named in the timeout error */
  async wait(
    what: string,
    fits: (event: SessionEvent) => boolean,
    timeoutMs = 240_000,
  ): Promise<SessionEvent> {
    return await new Promise((resolve, reject) => {
      const check = () => {
        const found = this.all.find(fits);
        if (found !== undefined) {
          done();
          resolve(found);
        }
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`Waited ${timeoutMs} ms for ${what}; last: ${this.#last()}`));
      }, timeoutMs);
      timer.unref(); // must not keep a finished script running
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(check);
      };
      this.#watchers.add(check);
      check();
    });
  }

  async waitForStep(step: number, timeoutMs?: number): Promise<void> {
    await this.wait(
      `step ${step}`,
      (event) => event.kind === "step" && event.entry.step >= step,
      timeoutMs,
    );
  }

  /** Waits for the end of the run. @throws Error with the message of a failed run */
  async waitForEnd(timeoutMs?: number): Promise<EventOf<"run">> {
    const isEnd = (event: SessionEvent) =>
      event.kind === "run" && (event.phase.name === "done" || event.phase.name === "failed");
    const event = (await this.wait("the end of the run", isEnd, timeoutMs)) as EventOf<"run">;
    if (event.phase.name === "failed") {
      const { message, remedy } = event.phase.error;
      throw new Error(`${message} ${remedy}`);
    }
    return event;
  }

  #last(): string {
    return JSON.stringify(this.all.at(-1) ?? "nothing").slice(0, 400);
  }
}

/** Waits until model and data are loaded and the run can start. */
export async function waitUntilReady(page: Page): Promise<void> {
  await startButton(page).waitFor({ timeout: 120_000 });
}

/** Sets the hub address, after which the page reloads. */
export async function useHub(page: Page, endpoint: string): Promise<void> {
  await waitUntilReady(page);
  await page.getByText("Token and mirror").click();
  await page.getByLabel("Hub address").fill(endpoint);
  const reloaded = page.waitForEvent("load");
  await page.getByRole("button", { name: "Use", exact: true }).click();
  await reloaded;
  await waitUntilReady(page);
}

export interface Choices {
  /** Folder of a Hugging Face model. */
  model?: string | undefined;
  /** JSONL or CSV file. */
  data?: string | undefined;
  /** Folder of a PEFT adapter to start from. */
  adapter?: string | undefined;
  /** The JSON recipe. */
  recipe?: object | undefined;
  /** The page's choice when undefined. */
  engine?: EngineName | undefined;
}

/**
 * Replaces the model, data, adapter, recipe and engine of the demo. @throws Error with the error
 * that the page shows
 */
export async function choose(page: Page, choices: Choices): Promise<void> {
  await waitUntilReady(page);
  const put = async (label: string, files: Parameters<Page["setInputFiles"]>[1]) => {
    await page.getByLabel(label, { exact: true }).setInputFiles(files);
    await page.getByRole("progressbar", { name: /^Loading/ }).waitFor({ state: "detached" });
  };
  if (choices.model !== undefined) {
    await put("Choose files", filesIn(choices.model));
  }
  if (choices.data !== undefined) {
    await put("Choose a data file", choices.data);
  }
  // After model and data: what a recipe leaves out is chosen for them.
  if (choices.recipe !== undefined) {
    await put("Load recipe", madeFile("recipe.json", JSON.stringify(choices.recipe)));
  }
  if (choices.adapter !== undefined) {
    await put("Start from an adapter", filesIn(choices.adapter));
  }
  if (choices.engine !== undefined) {
    await selectEngine(page, choices.engine);
  }
  await waitUntilPlanned(page);
}

/**
 * Waits until the run is active after a click that starts it.
 * @throws Error with the error that the page shows instead
 */
export async function waitUntilBegun(page: Page, events: EventLog): Promise<void> {
  const alert = page.getByRole("alert").first();
  const begun = events.wait(
    "the run to begin",
    (event) => event.kind === "run" && event.phase.name !== "idle",
  );
  const refused = alert.waitFor({ timeout: 240_000 }).then(async () => {
    throw new Error(await wordsOf(alert));
  });
  // The wait for an alert outlasts the race, and its timeout is no fault.
  refused.catch(() => null);
  await Promise.race([begun, refused]);
}

/** Works only with WebGPU: without it the page offers no choice. */
async function selectEngine(page: Page, engine: EngineName): Promise<void> {
  const select = page.getByRole("combobox", { name: "Engine", exact: true });
  if (!(await select.isVisible())) {
    await page.getByText("More", { exact: true }).click();
  }
  await select.selectOption(engine);
}

/** A file in memory. */
export interface MadeFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export function madeFile(name: string, content: string | Uint8Array): MadeFile {
  const mimeType = name.endsWith(".json") ? "application/json" : "application/octet-stream";
  return { name, mimeType, buffer: Buffer.from(content as Uint8Array) };
}

/** Clicks the link or button of that name and saves the download. */
export async function download(
  page: Page,
  name: string,
  role: "link" | "button",
  path: string,
): Promise<void> {
  const downloading = page.waitForEvent("download");
  await page.getByRole(role, { name, exact: true }).click();
  await (await downloading).saveAs(path);
}

async function waitUntilPlanned(page: Page): Promise<void> {
  await page.waitForTimeout(300); // the page plans 250 ms after a change
  const alert = page.getByRole("alert").first();
  await startButton(page).or(alert).first().waitFor({ timeout: 120_000 });
  // The error of an outdated plan disappears with the next plan.
  await startButton(page)
    .waitFor({ timeout: 10_000 })
    .catch(() => null);
  if (await alert.isVisible()) {
    throw new Error(await wordsOf(alert));
  }
  await waitUntilReady(page);
}

/** An alert's sentences, without its buttons. */
async function wordsOf(alert: Locator): Promise<string> {
  return (await alert.getByRole("paragraph").allInnerTexts()).join("\n");
}

/** Matches only while the button is enabled. */
function startButton(page: Page): Locator {
  return page.getByRole("button", { name: "Start training" }).and(page.locator(":enabled"));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));
}
