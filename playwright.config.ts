// The stories: the production build in headless Chromium on software WebGPU, two browsers at a
// time: a page that waits leaves its core to another.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests/e2e",
  globalSetup: "./tests/e2e/support/serve.ts",
  outputDir: "test-results",
  workers: 2,
  retries: 0,
  // A software GPU on a busy machine: a step can take seconds, a new device a quarter of a minute.
  timeout: 300_000,
  expect: { timeout: 20_000 },
  reporter: "list",
});
