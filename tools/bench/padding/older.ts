// The compiled engine of an older checkout, in the same page: its own modules make it, from its own
// made-up weights.
import type { BatchShape, Engine } from "../../../src/engine/contract.ts";
import type { OpenEngine } from "../contenders/engine-runs.ts";
import type { LoraConfig } from "../../../src/adapter/lora.ts";
import type { Model } from "../shapes.ts";

/** Paths of modules from the root, with a leading slash. */
export interface OlderModules {
  revision: string;
  /** Exports `openCompiled`. */
  compiled: string;
  /** Exports the models by name. */
  shapes: string;
}

interface Shapes {
  demo: Model;
  lora: LoraConfig;
}

/** @throws Error where the older checkout has no such model */
export async function openOlder(
  { compiled, shapes }: OlderModules,
  name: "demo",
  shape: BatchShape,
): Promise<Engine> {
  const [engines, older] = (await Promise.all([
    import(/* @vite-ignore */ compiled),
    import(/* @vite-ignore */ shapes),
  ])) as [{ openCompiled: () => Promise<{ engine: OpenEngine }> }, Shapes];
  const { engine } = await engines.openCompiled();
  return await engine({ config: older[name].config, lora: older.lora, shape });
}
