// Asks page-logits.ts, in a real page on WebGPU, for the logits of an exported adapter.
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { createServer } from "vite";
import { browserArguments, findBrowser } from "../support/browser.ts";
import type { LogitsRequest, PromptLogits } from "./page-logits.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** @param adapterFolder a folder inside the repository */
export async function browserLogits(
  adapterFolder: string,
  prompts: string[],
): Promise<PromptLogits[]> {
  const server = await createServer({
    root,
    configFile: false,
    cacheDir: "node_modules/.vite-interop",
    logLevel: "warn",
    server: { host: "127.0.0.1", port: 5299, hmr: false, watch: null },
    // All dependencies are found anew before the page opens: one that is found later reloads it.
    optimizeDeps: { entries: ["tests/interop/page-logits.ts"], force: true },
  });
  const browser = await chromium.launch({
    executablePath: findBrowser(),
    args: [...browserArguments],
  });
  try {
    await server.listen();
    const page = await browser.newPage();
    page.on("pageerror", (error) => {
      console.error(`The page says: ${error.message}`);
    });
    const origin = server.resolvedUrls?.local[0] ?? "";
    await page.goto(`${origin}tests/interop/page.html`);
    const request: LogitsRequest = {
      demo: "/demo/",
      adapter: `/${relative(root, adapterFolder).split(sep).join("/")}/`,
      prompts,
    };
    const call = `import("/tests/interop/page-logits.ts")
      .then((page) => page.promptLogits(${JSON.stringify(request)}))`;
    return await page.evaluate<PromptLogits[]>(call);
  } finally {
    await browser.close();
    await server.close();
  }
}
