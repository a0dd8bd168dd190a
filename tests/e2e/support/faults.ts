// Browsers without WebGPU, and crashes injected into a running browser through the DevTools
// protocol.
import type { BrowserContext } from "@playwright/test";
import { browserArguments } from "../../../tools/support/browser.ts";

/**
 * Arguments of a browser without a GPU: requestAdapter() resolves to null and the page trains in
 * WASM, ten times faster than on a software GPU.
 */
export const onProcessor = browserArguments.filter((argument) => !argument.includes("webgpu"));

/** Crashes the GPU process, as a driver fault does: every device of the browser is lost. */
export async function crashGpu(context: BrowserContext): Promise<void> {
  const session = await context.browser()!.newBrowserCDPSession();
  // The answer can be lost with the process.
  await session.send("Browser.crashGpuProcess").catch(() => null);
}

/** Crashes the browser, without time to write anything. */
export async function crashBrowser(context: BrowserContext): Promise<void> {
  const gone = new Promise((resolve) => context.once("close", resolve));
  const session = await context.browser()!.newBrowserCDPSession();
  await session.send("Browser.crash").catch(() => null);
  await gone;
}
