// Browsers that lack something, and faults put into a running browser through the DevTools
// protocol.
import type { BrowserContext } from "@playwright/test";
import { browserArguments } from "../../../tools/support/browser.ts";

/**
 * As Chromium comes on a machine without a graphics card: requestAdapter() answers null and the
 * page computes in WASM. Steps take a tenth of what they take on a software GPU.
 */
export const onProcessor = browserArguments.filter((argument) => !argument.includes("webgpu"));

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
