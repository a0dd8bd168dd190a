// The MLX adapter folder: what it keeps, its files and its model card.
import { scalingOf } from "../../adapter/lora.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { showValue } from "../../recipe/words.ts";
import { baseNameOf } from "../base-name.ts";
import { textFile, type ExportFormat } from "../format.ts";
import { cardFiles } from "../model-card.ts";
import { sharedNotes } from "../shared-notes.ts";
import { floatTypes } from "../values.ts";
import { mlxConfigJson, mlxSafetensors } from "./write.ts";

/** The folder that `mlx_lm.load(model, adapter_path=...)` reads. */
export const mlxFormat: ExportFormat = {
  name: "mlx",
  label: "MLX",
  valueTypes: floatTypes,
  notes: (run) => [
    ...sharedNotes(run),
    `MLX has no alpha: its scale is alpha / rank, ${showValue(scalingOf(run.recipe))}.`,
    "mlx-lm loads it onto the model's folder, plain or quantised by MLX, not onto a GGUF file.",
  ],
  files: async (run, options) => [
    textFile("adapter_config.json", mlxConfigJson(run)),
    { name: "adapters.safetensors", bytes: await mlxSafetensors(run, options) },
    ...cardFiles(run, {
      library: "mlx",
      valueType: options.valueType,
      loading: loadingCode(run),
      baseField: "`model` into `adapter_config.json`",
      notes: mlxFormat.notes(run, options.model),
    }),
  ],
};

function loadingCode({ base }: RunState): string {
  return [
    "```python",
    "from mlx_lm import generate, load",
    "",
    `base = ${JSON.stringify(baseNameOf(base) ?? "path/to/base-model")}  # the base model's name on the Hub, or its folder`,
    'model, tokenizer = load(base, adapter_path=".")  # the folder of this file',
    "```",
  ].join("\n");
}
