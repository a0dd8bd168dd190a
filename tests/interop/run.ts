// `npm run test:interop`: trains the demo and compares its files with PEFT and transformers
// (check.py), then a GGUF model in both (gguf.ts). The first run creates .venv at the root with the
// versions of requirements.txt.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { browserLogits } from "./browser-logits.ts";
import { checkGguf } from "./gguf.ts";
import { preparePython, python } from "./python.ts";

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

/** Runs check.py and prints its output without the last line, the sums. */
function checkAdapter(): { passed: number; failed: number } {
  const { status, stdout } = spawnSync(python, [join(here, "check.py"), out, logitsFile], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  const sums = /^(\d+) passed, (\d+) failed$/m.exec(stdout);
  process.stdout.write(stdout.replace(sums?.[0] ?? "", "").trimEnd() + "\n");
  const [passed, failed] = [Number(sums?.[1] ?? 0), Number(sums?.[2] ?? 1)];
  return { passed, failed: status === 0 ? failed : Math.max(failed, 1) };
}

rmSync(out, { recursive: true, force: true }); // no file of an earlier run may be checked
preparePython();
const { heldOutAfter } = await trainDemo();
const prompts = await browserLogits(join(out, "adapter"), [...demoPrompts(7), ...otherPrompts]);
writeFileSync(logitsFile, JSON.stringify({ heldOutAfter, prompts }));
const adapter = checkAdapter();
const gguf = await checkGguf(python, join(out, "gguf"));
const [passed, failed] = [adapter.passed + gguf.passed, adapter.failed + gguf.failed];
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
