// `npm run plan`: device bytes of a run, from a config.json alone. Vite loads the engine, as tsx
// cannot import WGSL.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import type * as command from "./command.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { module } = await runnerImport<typeof command>("/tools/plan/command.ts", {
  root,
  configFile: false,
  logLevel: "warn",
});
process.exitCode = module.planCommand(process.argv.slice(2));
