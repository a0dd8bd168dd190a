// Which modules of the model an adapter has tensors for: a recipe may name more than a model has.
import type { RunState } from "../checkpoint/file/run-state.ts";

const loraName = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/** One adapted module: path in the base model, A `[rank, in]` and B `[out, rank]`. */
export interface LoraModule {
  /** E.g. `model.layers.0.self_attn.q_proj`. */
  path: string;
  a: RunState["adapter"]["tensors"][number];
  b: RunState["adapter"]["tensors"][number];
}

/** The modules of an adapter, in its order. */
export function loraModules({ adapter: { tensors } }: Pick<RunState, "adapter">): LoraModule[] {
  const bs = new Map(
    tensors.flatMap((tensor) => {
      const [, path = "", matrix] = loraName.exec(tensor.name) ?? [];
      return matrix === "B" ? [[path, tensor]] : [];
    }),
  );
  return tensors.flatMap((a) => {
    const [, path = "", matrix] = loraName.exec(a.name) ?? [];
    const b = matrix === "A" ? bs.get(path) : undefined;
    return b === undefined ? [] : [{ path, a, b }];
  });
}

/** The recipe's target modules, sorted, in those that were trained and those the model lacks. */
export function modulesOf(run: Pick<RunState, "adapter" | "recipe">): {
  trained: string[];
  absent: string[];
} {
  const present = new Set(
    loraModules(run).map(({ path }) => path.slice(path.lastIndexOf(".") + 1)),
  );
  const named = [...run.recipe.targetModules].sort();
  return {
    trained: named.filter((name) => present.has(name)),
    absent: named.filter((name) => !present.has(name)),
  };
}
