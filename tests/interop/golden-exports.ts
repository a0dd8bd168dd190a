// Writes exports of the tiny models of tests/golden to disk, with what Anneal's engine answers, for
// a check by the format's own program.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inSourcePage } from "../../tools/support/source-page.ts";
import type { GoldenCase } from "../support/golden.ts";
import type { ExportsRequest, GoldenExport } from "./page-exports.ts";

const golden = fileURLToPath(new URL("../golden/", import.meta.url));

/**
 * Llama, Qwen2, Qwen3, Gemma 3, Phi-3 and SmolLM3. Their configs lose what programs beside
 * transformers do not read: `rope_parameters` of transformers 5, windows where they are rare.
 */
const changes = {
  "gqa-untied": { rope_parameters: undefined, rope_theta: 10_000 },
  qwen2: {
    ...{ rope_parameters: undefined, rope_theta: 10_000 },
    ...{ layer_types: undefined, use_sliding_window: false },
  },
  qwen3: {},
  gemma3: {
    ...{ rope_parameters: undefined, rope_theta: 1e6, rope_local_base_freq: 10_000 },
    ...{ rope_scaling: { rope_type: "linear", factor: 4 } },
    ...{ layer_types: undefined, sliding_window_pattern: 3 },
  },
  phi3: { rope_parameters: undefined, rope_theta: 10_000, sliding_window: null },
  smollm3: { rope_parameters: undefined, rope_theta: 2e6 },
} satisfies Partial<Record<GoldenCase, object>>;

/**
 * @param format of export/formats.ts
 * @param out an empty folder
 * @returns a JSON file: a list of name, model folder, adapter folder and prompts
 */
export async function writeGoldenExports(format: string, out: string): Promise<string> {
  const cases = Object.keys(changes) as (keyof typeof changes)[];
  const models = cases.map((name) => ({ name, config: configOf(name) }));
  const request: ExportsRequest = { models, format };
  const module = "/tests/interop/page-exports.ts";
  const exports = await inSourcePage<GoldenExport[]>(module, "goldenExports", request);
  const subjects = exports.map(({ name, config, files, prompts }) => {
    const [model, adapter] = [join(out, name, "model"), join(out, name, "adapter")];
    mkdirSync(model, { recursive: true });
    mkdirSync(adapter, { recursive: true });
    copyFileSync(join(golden, name, "model.safetensors"), join(model, "model.safetensors"));
    writeFileSync(join(model, "config.json"), config);
    files.forEach((file) => {
      writeFileSync(join(adapter, file.name), Uint8Array.from(file.bytes));
    });
    return { name, model, adapter, prompts };
  });
  const list = join(out, "subjects.json");
  writeFileSync(list, JSON.stringify(subjects));
  return list;
}

function configOf(name: keyof typeof changes): string {
  const config = JSON.parse(readFileSync(join(golden, name, "config.json"), "utf8")) as object;
  return JSON.stringify({ ...config, ...changes[name] });
}
