// Runs a module of the source tree in a page with WebGPU, for tools that need more than the app's
// buttons.
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "playwright";
import { createServer } from "vite";
import { browserArguments, findBrowser } from "./browser.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Imports `module` (a path from the root, with a leading slash) in a page and calls its export
 * `name` with `argument`. Argument and result are passed as JSON. `onLine` receives the console
 * log, `atEnd` the browser before it closes.
 * @param later modules that the page imports by itself, from the root, with a leading slash
 * @returns the result of the call
 */
export async function inSourcePage<Result>(
  module: string,
  name: string,
  argument: unknown,
  onLine: (line: string) => void = () => undefined,
  atEnd: (browser: Browser) => Promise<void> = () => Promise.resolve(),
  later: readonly string[] = [],
): Promise<Result> {
  const server = await createServer({
    root,
    configFile: false,
    cacheDir: "node_modules/.vite-source-page",
    logLevel: "warn",
    server: { host: "127.0.0.1", port: 5299, hmr: false, watch: null },
    // Vite must find all dependencies before the page opens: one found later reloads the page.
    optimizeDeps: { entries: [module, ...later].map((path) => path.slice(1)), force: true },
  });
  const browser = await chromium.launch({
    executablePath: findBrowser(),
    args: [...browserArguments],
  });
  try {
    await server.listen();
    const page = await browser.newPage();
    page.on("console", (message) => {
      if (message.type() === "log") {
        onLine(message.text());
      }
    });
    page.on("pageerror", (error) => {
      console.error(`Error in the page: ${error.message}`);
    });
    await page.goto(`${server.resolvedUrls?.local[0] ?? ""}tests/support/blank.html`);
    const call = `import(${JSON.stringify(module)}).then((page) => page.${name}(${JSON.stringify(argument)}))`;
    const result = await page.evaluate<Result>(call);
    await atEnd(browser);
    return result;
  } finally {
    await browser.close();
    await server.close();
  }
}
