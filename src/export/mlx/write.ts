// Writes an adapter as mlx-lm does: adapter_config.json and adapters.safetensors. Source: mlx-lm
// 0.32.2, tuner/utils.py (linear_to_lora_layers, load_adapters) and tuner/lora.py.
import { scalingOf } from "../../adapter/lora.ts";
import type { AdapterTensor } from "../../adapter/state.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { encodeSafetensors } from "../../formats/safetensors-write.ts";
import { baseNameOf } from "../base-name.ts";
import type { WriteOptions } from "../format.ts";
import { loraModules } from "../modules.ts";
import { PythonFloat, pythonJson } from "../python-json.ts";
import { bytesOfValues, convertTensors, floatTypeOf, type ExportTensor } from "../values.ts";

/**
 * `adapter_config.json`: all layers, and as `keys` the trained modules by their path in a layer.
 * MLX multiplies by `scale` where PEFT divides alpha by the rank.
 */
export function mlxConfigJson(run: RunState): string {
  const { recipe, base } = run;
  const places = loraModules(run).map(({ path }) => placeOf(path));
  const name = baseNameOf(base);
  return pythonJson({
    fine_tune_type: "lora",
    lora_parameters: {
      dropout: new PythonFloat(recipe.dropout),
      keys: [...new Set(places.map(({ key }) => key))].sort(),
      rank: recipe.rank,
      scale: new PythonFloat(scalingOf(recipe)),
    },
    ...(name === null ? {} : { model: name }),
    num_layers: 1 + Math.max(...places.map(({ layer }) => layer)),
  });
}

/**
 * `adapters.safetensors`: lora_a `[in, r]` and lora_b `[r, out]`, both transposed against PEFT.
 * MLX names modules as Hugging Face does.
 * @throws as `convertTensors`
 */
export async function mlxSafetensors(
  run: RunState,
  options: Omit<WriteOptions, "model">,
): Promise<Uint8Array<ArrayBuffer>> {
  const type = floatTypeOf(options.valueType);
  const totalBytes = bytesOfValues(run.adapter.tensors, type);
  const converted = await convertTensors(mlxTensors(run), totalBytes, type, options);
  return encodeSafetensors(converted, { format: "mlx" });
}

function* mlxTensors(run: RunState): Generator<ExportTensor> {
  for (const { path, a, b } of loraModules(run)) {
    yield transposed(`${path}.lora_a`, a);
    yield transposed(`${path}.lora_b`, b);
  }
}

/** @param tensor `[rows, columns]` @returns `[columns, rows]` */
function transposed(name: string, { shape, values }: AdapterTensor): ExportTensor {
  const [rows, columns] = shape;
  const target = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      target[column * rows + row] = values[row * columns + column] ?? 0;
    }
  }
  return { name, shape: [columns, rows], values: target };
}

/** The layer of a module, and its path in the layer. */
function placeOf(path: string): { layer: number; key: string } {
  const [, layer = "0", key = path] = /\.layers\.(\d+)\.(.+)$/.exec(path) ?? [];
  return { layer: Number(layer), key };
}
