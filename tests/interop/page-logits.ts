// Runs in the page: computes the logits of Anneal's engine for some prompts, with and without an
// exported adapter.
import { createWebGpuEngine } from "../../src/engine/webgpu/engine.ts";
import { openGpuMachine } from "../../src/gpu/gpu-machine.ts";
import { openModel } from "../../src/model/open.ts";
import { findDevice } from "../../src/session/find-device.ts";
import { readStartAdapter } from "../../src/run/start-adapter.ts";
import { fetchDemoModel } from "../../src/sources/demo.ts";
import { defaultRecipe } from "../../src/recipe/recipe.ts";

export interface LogitsRequest {
  /** URLs of folders on this origin, ending in a slash. */
  demo: string;
  adapter: string;
  prompts: string[];
}

export interface PromptLogits {
  text: string;
  tokens: number[];
  /** Logits of the token after the prompt. */
  withAdapter: number[];
  withoutAdapter: number[];
}

export async function promptLogits(request: LogitsRequest): Promise<PromptLogits[]> {
  const { fallbackReason } = await findDevice();
  if (fallbackReason !== null) {
    throw new Error(fallbackReason);
  }
  const { signal } = new AbortController();
  const ignore = () => undefined;
  const demo = new URL(request.demo, location.href);
  const model = await openModel(await fetchDemoModel(demo, ignore, signal));
  const files = ["adapter_config.json", "adapter_model.safetensors"];
  const folder = new URL(request.adapter, location.href);
  const { recipe, adapter } = await readStartAdapter(
    await Promise.all(files.map((name) => fetchFile(folder, name))),
    model.config,
    defaultRecipe,
  );
  const machine = await openGpuMachine();
  const engine = await createWebGpuEngine({
    opened: machine.opened,
    weights: model.weights,
    config: model.config,
    shape: { rows: 1, length: 8 },
    lora: recipe,
    progress: ignore,
    signal,
  });
  engine.writeState(adapter);
  const results: PromptLogits[] = [];
  for (const text of request.prompts) {
    const tokens = model.tokenizer.encode(text);
    results.push({
      text,
      tokens,
      withAdapter: [...(await engine.nextLogits(tokens, true))],
      withoutAdapter: [...(await engine.nextLogits(tokens, false))],
    });
  }
  engine.dispose();
  await machine.release();
  return results;
}

async function fetchFile(folder: URL, name: string): Promise<File> {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) {
    throw new Error(`${folder.pathname}${name} answered ${response.status}.`);
  }
  return new File([await response.blob()], name);
}
