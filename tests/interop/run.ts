// `npm run test:interop`: trains the demo and compares its files with PEFT and transformers
// (check.py), a GGUF model in both (gguf.ts), MLX adapters with mlx-lm (mlx/), GGUF adapters and
// merged models with llama.cpp (llama-cpp/), merged folders with transformers (merged/), and
// checkpoints with its Trainer (trainer/). The first run creates virtual environments at the root
// with the versions of requirements.txt, and installs node-llama-cpp into out/.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { browserLogits } from "./browser-logits.ts";
import { checkGguf } from "./gguf.ts";
import { checkInLlamaCpp } from "./llama-cpp/run.ts";
import { checkMerged } from "./merged/check.ts";
import { checkMlx } from "./mlx/check.ts";
import { checkInPython, preparePython, python } from "./python.ts";
import { checkTrainer } from "./trainer/check.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const isWindows = process.platform === "win32";
const out = join(root, "out", "interop");
const logitsFile = join(out, "logits.json");

/** Prompts besides those of the demo's data: plain text, other scripts, one token. */
const otherPrompts = ["The sea was", "naïve café, 日本語 👩‍🚀", "A"];

/** Trains the demo for 20 steps into `out`. @returns its last line, parsed */
async function trainDemo(): Promise<{ heldOutAfter: number }> {
  const demo = spawn("npm", ["run", "--silent", "demo", "--", "--steps", "20", "--out", out], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    shell: isWindows, // npm is a batch file on Windows
  });
  const closed = once(demo, "close");
  let lastLine = "";
  for await (const line of createInterface({ input: demo.stdout })) {
    console.log(line);
    lastLine = line;
  }
  const [code] = (await closed) as [number | null];
  if (code !== 0) {
    throw new Error(`The demo failed with exit code ${String(code)}.`);
  }
  const result = JSON.parse(lastLine) as { heldOutAfter?: unknown };
  if (typeof result.heldOutAfter !== "number") {
    throw new Error(`The demo's last line has no heldOutAfter: ${lastLine}`);
  }
  return { heldOutAfter: result.heldOutAfter };
}

function demoPrompts(count: number): string[] {
  const lines = readFileSync(join(root, "public/demo/data.jsonl"), "utf8").split("\n");
  return lines.slice(0, count).map((line) => (JSON.parse(line) as { prompt: string }).prompt);
}

rmSync(out, { recursive: true, force: true }); // no file of an earlier run may be checked
preparePython();
const { heldOutAfter } = await trainDemo();
const prompts = await browserLogits(join(out, "adapter"), [...demoPrompts(7), ...otherPrompts]);
writeFileSync(logitsFile, JSON.stringify({ heldOutAfter, prompts }));
const adapter = checkInPython(python, [join(here, "check.py"), out, logitsFile]);
const gguf = await checkGguf(python, join(out, "gguf"));
const mlx = await checkMlx(join(out, "mlx"));
const llamaCpp = await checkInLlamaCpp(join(out, "llama-cpp"));
const merged = await checkMerged(python, join(out, "merged"));
const trainer = await checkTrainer(join(out, "trainer"));
const results = [adapter, gguf, mlx, llamaCpp, merged, ...trainer];
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
