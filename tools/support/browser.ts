// Finds a Chromium for the tests and the demo, and says with which switches it gives WebGPU without
// a GPU.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright";

/**
 * Software WebGPU (SwiftShader); no background traffic, so that a request log holds only the page's
 * own.
 */
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

/**
 * Path of a Chromium or Chrome that is there: `CHROMIUM_PATH`, an installed one, Playwright's own;
 * else null.
 */
export function installedBrowser(): string | null {
  const chosen = process.env["CHROMIUM_PATH"];
  if (chosen) {
    if (!existsSync(chosen)) {
      throw new Error(`CHROMIUM_PATH is ${chosen}, but there is no such file.`);
    }
    return chosen;
  }
  return [...installedPaths, chromium.executablePath()].find((path) => existsSync(path)) ?? null;
}

/** As installedBrowser, but installs Chromium with apt where that can be done (Debian, as root). */
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
    "No Chromium was found: install Chromium or Chrome, or set CHROMIUM_PATH to its executable.",
  );
}

function isDebian(): boolean {
  return existsSync("/etc/os-release") && /debian/i.test(readFileSync("/etc/os-release", "utf8"));
}
