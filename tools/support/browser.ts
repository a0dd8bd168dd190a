// Finds a Chromium for tests and tools, and starts it with WebGPU on a software GPU.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chromium, type BrowserContext, type Page } from "playwright";

/** Software WebGPU (SwiftShader), and no background traffic, which request logs would contain. */
export const browserArguments = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
] as const;

const installedPaths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/opt/google/chrome/chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Path of `CHROMIUM_PATH`, an installed Chromium or Chrome, or Playwright's; null without one. */
export function installedBrowser(): string | null {
  const chosen = process.env["CHROMIUM_PATH"];
  if (chosen) {
    if (!existsSync(chosen)) {
      throw new Error(`CHROMIUM_PATH is ${chosen}: no such file.`);
    }
    return chosen;
  }
  return [...installedPaths, chromium.executablePath()].find((path) => existsSync(path)) ?? null;
}

/** As installedBrowser, but installs Chromium with apt on Debian. @throws Error without root */
export function findBrowser(): string {
  const found = installedBrowser();
  if (found !== null) {
    return found;
  }
  if (isDebian() && process.getuid?.() === 0) {
    execFileSync("apt-get", ["update"], { stdio: "inherit" });
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], {
      stdio: "inherit",
    });
    return "/usr/bin/chromium";
  }
  throw new Error(
    "No Chromium found: install Chromium or Chrome, or set CHROMIUM_PATH to its executable.",
  );
}

/** Starts a browser on the profile in this folder. Options override the defaults. */
export async function openBrowser(
  profile: string,
  options: Parameters<typeof chromium.launchPersistentContext>[1] = {},
): Promise<BrowserContext> {
  return await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser(),
    headless: true,
    args: [...browserArguments],
    acceptDownloads: true,
    ...options,
  });
}

/** The tab that a browser opens with. */
export async function firstPage(context: BrowserContext): Promise<Page> {
  return context.pages()[0] ?? (await context.newPage());
}

function isDebian(): boolean {
  return existsSync("/etc/os-release") && /debian/i.test(readFileSync("/etc/os-release", "utf8"));
}
