// Runs in the page: a GGUF file on the compiled engine, its greedy answer and its first steps from
// a PEFT adapter.
import { fillBatch } from "../../src/data/batching/batch.ts";
import type { StepHyper } from "../../src/engine/contract.ts";
import { createWebGpuEngine } from "../../src/engine/webgpu/engine.ts";
import { openGpuMachine } from "../../src/gpu/gpu-machine.ts";
import { openModel, type OpenedModel } from "../../src/model/open.ts";
import { findDevice } from "../../src/session/find-device.ts";
import { readStartAdapter } from "../../src/run/start-adapter.ts";
import { fileSetOf } from "../../src/sources/files.ts";
import { defaultRecipe } from "../../src/recipe/recipe.ts";

export interface GgufTask {
  /** Rendered with the model's chat template. */
  question: string;
  newTokens: number;
  /** Training text: each step uses its first `length` tokens. */
  text: string;
  length: number;
  lora: { rank: number; alpha: number };
  steps: number;
  hyper: Omit<StepHyper, "step" | "seed">;
}

export interface GgufRequest {
  /** URLs on this origin: the file, and the folder of the start adapter, ending in a slash. */
  model: string;
  adapter: string;
  task: GgufTask;
}

export interface GgufResult {
  tokenizer: { prompt: number[]; text: number[] };
  greedy: { tokens: number[]; text: string };
  losses: number[];
  seconds: { opening: number; engine: number; tokens: number; steps: number };
  plannedBytes: number;
}

export async function runGguf({ model: url, adapter, task }: GgufRequest): Promise<GgufResult> {
  const { fallbackReason } = await findDevice();
  if (fallbackReason !== null) {
    throw new Error(fallbackReason);
  }
  const stopwatch = startStopwatch();
  const file = await fetchFile(url);
  const model = await openModel(fileSetOf([{ file, path: file.name }]));
  const tokenizer = await tokensOf(model, task);
  const opening = stopwatch("opened the model");

  const start = await readStartAdapter(
    await Promise.all(
      ["adapter_config.json", "adapter_model.safetensors"].map((name) => fetchFile(adapter + name)),
    ),
    model.config,
    defaultRecipe,
  );
  const machine = await openGpuMachine();
  const engine = await createWebGpuEngine({
    opened: machine.opened,
    weights: model.weights,
    config: model.config,
    shape: { rows: 1, length: task.length },
    lora: start.recipe,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(start.adapter);
  const building = stopwatch("built the engine");

  const tokens: number[] = [];
  for await (const token of engine.generate(tokenizer.prompt, {
    ...{ maxNewTokens: task.newTokens, temperature: 0, topP: 1, seed: 0 },
    ...{ stopTokens: [], useAdapter: false },
  })) {
    tokens.push(token);
  }
  const greedy = { tokens, text: model.tokenizer.decode(tokens) };
  const generating = stopwatch(`generated ${tokens.length} tokens`);

  const row = { tokens: tokenizer.text, isTrained: tokenizer.text.map(() => true) };
  const batch = fillBatch([[row]], 1, task.length);
  const losses: number[] = [];
  for (let step = 1; step <= task.steps; step++) {
    const { lossSum, supervisedTokens } = await engine.step([batch], {
      ...task.hyper,
      ...{ step, seed: 0 },
    });
    losses.push(lossSum / supervisedTokens);
  }
  const steps = stopwatch(`made ${task.steps} steps`);
  const { plannedBytes } = engine.memory();
  engine.dispose();
  await machine.release();
  const seconds = { opening, engine: building, tokens: generating, steps };
  return { tokenizer, greedy, losses, seconds, plannedBytes };
}

async function tokensOf({ tokenizer }: OpenedModel, { question, text, length }: GgufTask) {
  const [chat = ""] = await tokenizer.renderChats([
    { messages: [{ role: "user", content: question }], addGenerationPrompt: true },
  ]);
  return {
    prompt: tokenizer.encodeRendered(chat),
    text: tokenizer.encodeRendered(text).slice(0, length),
  };
}

/** Prints and returns the seconds since the last call. */
function startStopwatch(): (what: string) => number {
  let since = performance.now();
  return (what) => {
    const seconds = (performance.now() - since) / 1000;
    since = performance.now();
    console.log(`${what} in ${seconds.toFixed(1)} s`);
    return seconds;
  };
}

async function fetchFile(url: string): Promise<File> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}.`);
  }
  return new File([await response.blob()], url.slice(url.lastIndexOf("/") + 1));
}
