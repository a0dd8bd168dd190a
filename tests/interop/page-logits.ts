// Runs in the page: the logits that Anneal's engine gives for some prompts, with an exported adapter and without it.
import { loraTargets, type LoraConfig } from "../../src/adapter/lora.ts";
import type { AdapterState } from "../../src/adapter/state.ts";
import { createTfjsEngine } from "../../src/engine/tfjs/engine.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { openMachine, whyNoWebGpu } from "../../src/gpu/machine.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { openModel } from "../../src/model/open.ts";
import { fetchDemoModel } from "../../src/sources/demo.ts";

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
  const noWebGpu = await whyNoWebGpu();
  if (noWebGpu !== null) {
    throw new Error(noWebGpu);
  }
  const { signal } = new AbortController();
  const ignore = () => undefined;
  const demo = new URL(request.demo, location.href);
  const model = await openModel(await fetchDemoModel(demo, ignore, signal));
  const { lora, state } = await fetchAdapter(new URL(request.adapter, location.href), model.config);
  const machine = await openMachine("webgpu");
  const engine = await createTfjsEngine({
    machine,
    config: model.config,
    lora,
    readWeight: (name, abort) => model.readWeight(name, abort),
    progress: ignore,
    signal,
  });
  engine.writeState(state);
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

interface PeftConfig {
  r: number;
  lora_alpha: number;
  target_modules: string[];
}

async function fetchAdapter(
  folder: URL,
  config: ModelConfig,
): Promise<{ lora: LoraConfig; state: AdapterState }> {
  const peft = JSON.parse(
    await (await fetchFile(folder, "adapter_config.json")).text(),
  ) as PeftConfig;
  const lora = {
    rank: peft.r,
    alpha: peft.lora_alpha,
    dropout: 0,
    targetModules: peft.target_modules,
  };
  const fileName = "adapter_model.safetensors";
  const file = await openSafetensors(await fetchFile(folder, fileName), fileName);
  const names = loraTargets(config, lora).flatMap(({ nameA, nameB }) => [nameA, nameB]);
  const tensors = names.map(async (name) => {
    const values = await file.readFloat32(name);
    const [rows = 0, columns = 0] = file.tensors.get(name)?.shape ?? [];
    const zeros = new Float32Array(values.length);
    return { name, shape: [rows, columns] as const, values, moment1: zeros, moment2: zeros };
  });
  return { lora, state: { tensors: await Promise.all(tensors) } };
}

async function fetchFile(folder: URL, name: string): Promise<Blob> {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) {
    throw new Error(`${folder.pathname}${name} answered ${response.status}.`);
  }
  return await response.blob();
}
