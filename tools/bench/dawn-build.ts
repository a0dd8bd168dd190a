// `npm run bench:dawn`: builds out/dawn, a folder that runs on any machine with Node and a GPU
// driver, and runs it. Its arguments go to the benchmark; with --build-only it only builds.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(root, "out", "dawn");
const script = join(folder, "bench.mjs");

await bundle();
copyNextToScript();
const wanted = process.argv.slice(2);
if (!wanted.includes("--build-only")) {
  const { status } = spawnSync(process.execPath, [script, ...wanted], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

/** Bundles everything in one file, including WGSL. */
async function bundle(): Promise<void> {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    ssr: { noExternal: true },
    build: {
      ssr: "tools/bench/dawn.ts",
      outDir: folder,
      emptyOutDir: true,
      target: "node20",
      rolldownOptions: { output: { entryFileNames: "bench.mjs", codeSplitting: false } },
    },
  });
}

function copyNextToScript(): void {
  mkdirSync(folder, { recursive: true });
  const { resolve } = createRequire(import.meta.url);
  const platform =
    process.platform === "darwin" ? "darwin-universal" : `${process.platform}-${process.arch}`;
  const dawn = join(dirname(resolve("webgpu")), "dist", platform, "dawn.node");
  copyFileSync(dawn, join(folder, "dawn.node"));
  copyFileSync(join(root, "tools/bench/train_peft.py"), join(folder, "train_peft.py"));
}
