// A browser on a separate profile that is killed and reopened.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chromium, type BrowserContext, type CDPSession, type Page } from "playwright";
import { browserArguments, findBrowser } from "../../tools/support/browser.ts";
import type { CallName, Calls, Told } from "./page/protocol.ts";
import { isRunning, killBrowser } from "./processes.ts";

/**
 * Chromium's two databases for IndexedDB: LevelDB with separate files, and its successor SQLite.
 */
export const backends = ["leveldb", "sqlite"] as const;
export type Backend = (typeof backends)[number];

const backendArguments: Record<Backend, readonly string[]> = {
  leveldb: [],
  sqlite: ["--enable-features=IdbSqliteBackingStore"],
};

/** The database that a profile holds, by its folders; null before the first write. */
export function backendOf(profile: string): Backend | null {
  const folder = join(profile, "Default/IndexedDB");
  const [name] = existsSync(folder) ? readdirSync(folder) : [];
  return name === undefined
    ? null
    : name.endsWith(".leveldb") || name.endsWith(".blob")
      ? "leveldb"
      : "sqlite";
}

/**
 * @throws Error when the browser used another database than the tested one, or an unknown one
 */
function requireBackend(profile: string, backend: Backend, isStored: boolean): void {
  const found = backendOf(profile);
  if (found !== backend && (found !== null || isStored)) {
    throw new Error(`${profile} holds ${found ?? "no known database"}, not ${backend}.`);
  }
}

/** Answers arrive within seconds, even on a busy machine. Work on a thousand runs takes longer. */
const answerLimitMs = 180_000;

export class FaultBrowser {
  readonly page: Page;
  readonly context: BrowserContext;
  /** All messages of the worker since the browser was opened. */
  readonly told: Told[] = [];
  /** The duration of each call since the browser was opened. */
  readonly durations: { name: CallName; ms: number }[] = [];
  readonly #profile: string;
  readonly #backend: Backend;
  #onTold: (told: Told) => void = () => undefined;

  private constructor(profile: string, backend: Backend, context: BrowserContext, page: Page) {
    this.#profile = profile;
    this.#backend = backend;
    this.context = context;
    this.page = page;
  }

  /** Opens the page on the profile in the state after the last kill. */
  static async open(profile: string, backend: Backend, url: string): Promise<FaultBrowser> {
    requireBackend(profile, backend, false);
    for (const name of ["SingletonLock", "SingletonCookie", "SingletonSocket"]) {
      rmSync(join(profile, name), { force: true });
    }
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: findBrowser(),
      headless: true,
      args: [...browserArguments, ...backendArguments[backend]],
      // Only the test ends the browser; a signal to the test must not.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    const browser = new FaultBrowser(profile, backend, context, page);
    await page.exposeFunction("tell", (told: Told) => {
      browser.told.push(told);
      browser.#onTold(told);
    });
    await page.goto(url);
    return browser;
  }

  async call<Name extends CallName>(
    name: Name,
    params: Calls[Name]["params"],
  ): Promise<Calls[Name]["result"]> {
    const call = this.page.evaluate(
      ([callName, callParams]) =>
        (
          globalThis as unknown as { call: (name: string, params: unknown) => Promise<unknown> }
        ).call(callName, callParams),
      [name, params] as const,
    );
    const begun = performance.now();
    const result = (await within(call, answerLimitMs, name)) as Calls[Name]["result"];
    this.durations.push({ name, ms: performance.now() - begun });
    return result;
  }

  /** Starts a call that a kill will leave unanswered. */
  begin<Name extends CallName>(name: Name, params: Calls[Name]["params"]): Promise<"answered"> {
    return this.call(name, params).then(
      () => "answered" as const,
      // The kill closes the page; any other error is a fault of the page.
      (error: unknown) => {
        if (isRunning(this.#profile) && !String(error).includes("closed")) {
          throw error;
        }
        return new Promise<never>(() => undefined);
      },
    );
  }

  /** Resolves at the first message that `isIt` accepts. */
  untilTold(isIt: (told: Told) => boolean): Promise<Told> {
    return new Promise((resolve) => {
      this.#onTold = (told) => {
        if (isIt(told)) {
          resolve(told);
        }
      };
    });
  }

  /** Steps acknowledged since the browser was opened, the last of each run. */
  acknowledged(): Map<string, number> {
    const steps = new Map<string, number>();
    for (const told of this.told) {
      if (told.kind === "saved") {
        steps.set(told.runId, Math.max(told.step, steps.get(told.runId) ?? 0));
      } else if (told.kind === "deleting") {
        steps.delete(told.runId);
      }
    }
    return steps;
  }

  /** Kills the browser; resolves when no process of it is left. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.context.once("close", resolve));
    killBrowser(this.#profile);
    await closed;
    for (let i = 0; isRunning(this.#profile); i++) {
      if (i === 100) {
        throw new Error("The browser did not end.");
      }
      killBrowser(this.#profile);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#requireBackend();
  }

  async close(): Promise<void> {
    await this.context.close();
    this.#requireBackend();
  }

  async devTools(): Promise<CDPSession> {
    return await this.context.newCDPSession(this.page);
  }

  #requireBackend(): void {
    requireBackend(this.#profile, this.#backend, this.acknowledged().size > 0);
  }
}

async function within<T>(answer: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what}: no answer for ${limitMs} ms`));
    }, limitMs);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
