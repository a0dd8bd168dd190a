// A browser on a separate profile with a session in its page. Its processes can be killed singly or
// together.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright";
import { browserArguments, findBrowser } from "../../tools/support/browser.ts";
import type { Moment, RunCallName, RunCalls, RunTold } from "./page/run-protocol.ts";
import { isRunning, killBrowser, killGpuProcess } from "./processes.ts";

/** Chromium blocks the GPU after two crashes and disables it after three. */
const crashArguments = [
  "--disable-domain-blocking-for-3d-apis",
  "--disable-gpu-process-crash-limit",
];

const waitMs = 120_000;

/** Chromium restarts an ended GPU process at once. */
const gpuStartMs = 5000;

export class RunBrowser {
  readonly told: RunTold[] = [];
  readonly #profile: string;
  readonly #url: string;
  readonly #listeners = new Set<() => void>();
  #context: BrowserContext;
  #page: Page;

  private constructor(profile: string, url: string, context: BrowserContext, page: Page) {
    this.#profile = profile;
    this.#url = url;
    this.#context = context;
    this.#page = page;
  }

  static async open(profile: string, url: string): Promise<RunBrowser> {
    const { context, page } = await launch(profile);
    const browser = new RunBrowser(profile, url, context, page);
    await browser.#show();
    return browser;
  }

  async call<Name extends RunCallName>(
    name: Name,
    params?: RunCalls[Name]["params"],
  ): Promise<RunCalls[Name]["result"]> {
    return (await this.#page.evaluate(
      ([callName, callParams]) =>
        (
          globalThis as unknown as { call: (name: string, params: unknown) => Promise<unknown> }
        ).call(callName, callParams),
      [name, params] as const,
    )) as RunCalls[Name]["result"];
  }

  /**
   * The first message from the index on that fits. @throws Error after two minutes without a
   * message
   */
  async wait(fits: (told: RunTold) => boolean, from = this.told.length): Promise<RunTold> {
    return await new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#listeners.delete(check);
        const last = JSON.stringify(this.told.at(-1)).slice(0, 300);
        reject(new Error(`No message for ${waitMs / 1000} s; the last was ${last}`));
      };
      let timer = setTimeout(giveUp, waitMs);
      const check = () => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, waitMs);
        const found = this.told.slice(from).find(fits);
        if (found !== undefined) {
          clearTimeout(timer);
          this.#listeners.delete(check);
          resolve(found);
        }
      };
      this.#listeners.add(check);
      check();
    });
  }

  /** Null when the run is done, otherwise its error. */
  async untilEnd(from = this.told.length): Promise<string | null> {
    const end = await this.wait(
      (told) => told.kind === "run" && ["done", "failed"].includes(told.phase.name),
      from,
    );
    return end.kind === "run" && end.phase.name === "failed"
      ? `${end.phase.error.message} ${end.phase.error.remedy}`
      : null;
  }

  async standing(moment: Moment, from = 0): Promise<void> {
    await this.wait((told) => told.kind === "standing" && told.moment === moment, from);
  }

  async reload(): Promise<void> {
    this.told.length = 0;
    await this.#page.reload();
  }

  /** Ends the GPU process from within, as a driver's fault does. */
  async crashGpu(): Promise<void> {
    const session = await this.#context.browser()!.newBrowserCDPSession();
    // the answer may be lost with the process
    await session.send("Browser.crashGpuProcess").catch(() => null);
    await session.detach().catch(() => null);
  }

  /** Ends the GPU process from outside. @throws Error when the browser has none for five seconds */
  async killGpu(): Promise<void> {
    for (const end = performance.now() + gpuStartMs; !killGpuProcess(this.#profile);) {
      if (performance.now() > end) {
        throw new Error("The browser has no GPU process.");
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Kills the browser and opens another on the same profile. */
  async killAndReopen(): Promise<void> {
    const closed = new Promise((resolve) => this.#context.once("close", resolve));
    while (isRunning(this.#profile)) {
      killBrowser(this.#profile);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await closed;
    this.told.length = 0;
    const { context, page } = await launch(this.#profile);
    this.#context = context;
    this.#page = page;
    await this.#show();
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  async #show(): Promise<void> {
    await this.#page.exposeFunction("tell", (told: RunTold) => {
      this.told.push(told);
      this.#listeners.forEach((listener) => {
        listener();
      });
    });
    await this.#page.goto(new URL("run.html", this.#url).href);
  }
}

async function launch(profile: string): Promise<{ context: BrowserContext; page: Page }> {
  for (const name of ["SingletonLock", "SingletonCookie", "SingletonSocket"]) {
    rmSync(join(profile, name), { force: true });
  }
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser(),
    headless: true,
    args: [...browserArguments, ...crashArguments],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  return { context, page: context.pages()[0] ?? (await context.newPage()) };
}
