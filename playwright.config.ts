// The stories: the production build in headless Chromium on software WebGPU, one browser at a time.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests/e2e",
  globalSetup: "./tests/e2e/support/serve.ts",
  outputDir: "test-results",
  workers: 1,
  retries: 0,
  // A software GPU on a busy machine: a step can take seconds, a new device a quarter of a minute.
  timeout: 300_000,
  expect: { timeout: 20_000 },
  reporter: "list",
});
