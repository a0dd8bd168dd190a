// unit runs in Node without a GPU, gpu in headless Chromium on WebGPU by software. Not part of `npm
// test`: dawn runs the kernels' proofs in Node on whatever GPU the machine has, with every feature
// it offers.
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { browserArguments, installedBrowser } from "./tools/support/browser.ts";
import { hubCommands } from "./tests/support/hub-commands.ts";

const executablePath = installedBrowser();

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["tests/unit/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: "100%", // one core would be left out otherwise, of two
          // tfjs ships ES modules that Node takes for CommonJS.
          server: { deps: { inline: [/@tensorflow/] } },
        },
      },
      {
        test: {
          name: "dawn",
          environment: "node",
          include: ["tests/gpu/kernels/**/*.test.ts"],
          setupFiles: ["tests/support/dawn.ts"],
          testTimeout: 240_000,
          fileParallelism: false,
          server: { deps: { inline: [/@tensorflow/] } },
        },
      },
      {
        optimizeDeps: {
          include: [
            "@tensorflow/tfjs-core",
            "@tensorflow/tfjs-core/dist/register_all_gradients",
            "@tensorflow/tfjs-backend-cpu",
            "@tensorflow/tfjs-backend-webgpu",
            "@tensorflow/tfjs-backend-wasm",
            "papaparse",
            "idb-keyval",
            "client-zip",
            "@huggingface/hub",
            "hash-wasm",
          ],
        },
        test: {
          name: "gpu",
          include: ["tests/gpu/**/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            commands: hubCommands,
            provider: playwright({
              launchOptions: {
                ...(executablePath !== null && { executablePath }),
                args: [...browserArguments],
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
