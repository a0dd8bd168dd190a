// Faults put into a running browser through the DevTools protocol.
import type { BrowserContext } from "@playwright/test";

/** The GPU process dies as at a driver fault; every device of the browser is lost. */
export async function crashGpu(context: BrowserContext): Promise<void> {
  const session = await context.browser()!.newBrowserCDPSession();
  // The answer may be lost with the process.
  await session.send("Browser.crashGpuProcess").catch(() => null);
}

/** The browser dies without a chance to write anything. */
export async function crashBrowser(context: BrowserContext): Promise<void> {
  const gone = new Promise((resolve) => context.once("close", resolve));
  const session = await context.browser()!.newBrowserCDPSession();
  await session.send("Browser.crash").catch(() => null);
  await gone;
}
